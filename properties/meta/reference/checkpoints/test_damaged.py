"""Damaged, foreign and hostile files: status 2, one line, no traceback, and nothing unpickled."""

import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from frostproof.properties.meta.reference.checkpoints.saving import FORMATS, save, skeleton
from frostproof.reports.cli.main import main

TREE = {
    ("a", "kernel"): np.arange(600, dtype=np.float32).reshape(20, 30),
    ("a", "bias"): np.ones(3),
}
HEADER = b'{"__metadata__":{},%s}'


def require_refused(place, capsys, says="", *options):
    """Judge the damaged checkpoint against itself: each side has to be refused like this."""
    status = main(["diff", str(place), str(place), "--frozen", "a", *options])
    out, errors = capsys.readouterr()
    assert status == 2, out
    assert errors.count("\n") == 1, errors
    assert errors.startswith("frostproof: ")
    assert says in errors
    assert "Traceback" not in errors


SINGLE = [form for form in FORMATS if not form.startswith(("orbax", "safetensors, "))]


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("form", SINGLE)
def test_a_truncated_file_is_refused(form, tenth, tmp_path, capsys):
    """At each tenth of its length, nothing left included."""
    whole = tmp_path / "whole"
    save(form, TREE, whole)
    content = whole.read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) * tenth // 10])
    options = ("--skeleton", _module(tmp_path)) if form == "equinox" else ()
    require_refused(tmp_path / "cut", capsys, "cut: ", *options)


def _module(folder):
    tree = skeleton(TREE)()
    shapes = {name: leaf.shape for name, leaf in tree["a"].items()}
    made = f"{{name: np.zeros(shape) for name, shape in {shapes}.items()}}"
    (folder / "model.py").write_text(f"import numpy as np\nmake = lambda: {{'a': {made}}}")
    return f"{folder / 'model.py'}:make"


@pytest.mark.parametrize("form", [form for form in FORMATS if form.startswith("orbax")])
@pytest.mark.parametrize("damage", ["no metadata", "no text in it", "no data", "half the data"])
def test_a_damaged_orbax_folder_is_refused(form, damage, tmp_path, capsys):
    """Its metadata or its arrays are missing, or cut."""
    place = tmp_path / "run"
    save(form, TREE, place)
    data = [
        each
        for each in place.rglob("*")
        if each.is_file() and each.parent.name in ("d", "a.kernel")
    ]
    if damage == "no metadata":
        (place / "_METADATA").unlink()
    elif damage == "no text in it":
        (place / "_METADATA").write_text("{")
    for file in data:
        if damage == "no data":
            file.unlink()
        elif damage == "half the data":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    require_refused(place, capsys, "run: ")


def _safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def _tensor(name="a", dtype="F32", shape=(1,), offsets=(0, 4)):
    entry = {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}
    return json.dumps({name: entry}).encode()


SAFETENSORS = {
    "a dtype of no name": _safetensors(_tensor(dtype="F33"), bytes(4)),
    "offsets past the end": _safetensors(_tensor(offsets=(0, 400)), bytes(4)),
    "a shape that does not fit": _safetensors(_tensor(shape=(9,)), bytes(4)),
    "a header longer than the file": struct.pack("<Q", 1 << 40) + b"{}",
    "a header that is no JSON": _safetensors(b"{]"),
    "no tensors": _safetensors(b"{}"),
    "a name that leads up": _safetensors(_tensor("../x"), bytes(4)),
    "a name with markup": _safetensors(_tensor("<script>alert(1)</script>"), bytes(4)),
    "a name with a line break": _safetensors(_tensor("a\nb"), bytes(4)),
    "an empty name": _safetensors(_tensor(""), bytes(4)),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_a_hostile_safetensors_file_is_refused(name, tmp_path, capsys):
    """Whatever its header says."""
    pytest.importorskip("safetensors")
    (tmp_path / "m.safetensors").write_bytes(SAFETENSORS[name])

    require_refused(tmp_path / "m.safetensors", capsys)


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ({"weight_map": {"a.kernel": "gone.safetensors"}}, "gone.safetensors is missing"),
        ({"weight_map": {"a.kernel": "../model-0.safetensors"}}, "outside its folder"),
        ({"weight_map": {"a.kernel": "/etc/passwd"}}, "outside its folder"),
        ({"weight_map": {"a.other": "model-0.safetensors"}}, "puts elsewhere"),
        ({"weight_map": dict.fromkeys(("a.kernel", "b"), "model-0.safetensors")}, "not hold b"),
        ({"weight_map": {"a": "model.safetensors.index.json"}}, "not a whole safetensors file"),
        ({"weights": {}}, "no `weight_map`"),
        ([], "no `weight_map`"),
    ],
)  # fmt: skip
def test_a_wrong_index_is_refused(index, says, tmp_path, capsys):
    """A missing shard, one elsewhere, one that is the index itself, names in no shard."""
    pytest.importorskip("safetensors")
    save("safetensors, sharded", TREE, tmp_path / "run")
    (tmp_path / "run" / "model.safetensors.index.json").write_text(json.dumps(index))

    require_refused(tmp_path / "run", capsys, says)


def _npy(dtype="<f4", shape="(2,)", data=bytes(8)):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def _npz(place, members):
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


NPZ = {
    "objects": ({"a.npy": _npy("|O")}, "a: it holds pickled objects"),
    "texts alone": ({"a.npy": _npy("<U2")}, "it holds no arrays"),
    "records": ({"a.npy": _npy("|V8")}, "a: dtype '|V8' does not hold numbers"),
    "a dtype that JAX lacks": ({"a.npy": _npy("<f16", data=bytes(32))}, "'<f16' is "),
    "a dtype of no name": ({"a.npy": _npy("<q9")}, "dtype"),
    "a shape that does not fit": ({"a.npy": _npy(shape="(3,)")}, "does not fill"),
    "a shape that is code": ({"a.npy": _npy(shape="__import__('os')")}, ""),
    "a name that leads up": ({"../x.npy": _npy()}, "no program gives"),
    "the same name twice": ({"a/b.npy": _npy(), "a.b.npy": _npy()}, "the same path"),
    "something else": ({"notes.txt": b"hello"}, "no checkpoint of a known format"),
}


@pytest.mark.parametrize("name", NPZ)
def test_a_hostile_npz_is_refused(name, tmp_path, capsys):
    """Objects first of all: NumPy would unpickle them."""
    members, says = NPZ[name]
    _npz(tmp_path / "m.npz", members)

    require_refused(tmp_path / "m.npz", capsys, says)


def test_an_array_of_no_name_is_refused(tmp_path, capsys):
    """By what it is: an Equinox file begins in the same way."""
    (tmp_path / "m.npy").write_bytes(_npy())

    require_refused(tmp_path / "m.npy", capsys, "one array without a name: save the arrays of both")


def test_a_flipped_bit_in_an_npz_is_seen_by_its_checksum(tmp_path, capsys):
    """Where nothing but the data is damaged."""
    large = np.zeros(400_000, np.float32)
    save("npz", TREE | {("a", "kernel"): large}, tmp_path / "m.npz")
    content = bytearray((tmp_path / "m.npz").read_bytes())
    content[large.nbytes // 2] ^= 1
    (tmp_path / "m.npz").write_bytes(content)

    require_refused(tmp_path / "m.npz", capsys, "a/kernel cannot be read: Bad CRC-32")


class _Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


@pytest.mark.parametrize("name", ["m.pkl", "m.msgpack", "m.bin"])
def test_a_pickle_is_refused_by_name(name, tmp_path, capsys, monkeypatch):
    """Whatever it is called; it is not run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(_Trap()))

    require_refused(tmp_path / name, capsys, "it is a pickle, and nothing is ever unpickled")
    assert not (tmp_path / "trapped").exists()


def test_a_pytorch_file_with_more_than_tensors_is_refused(tmp_path, capsys, monkeypatch):
    """By the name of what it would make."""
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(2), "b": _Trap()}, tmp_path / "m.pt")

    require_refused(tmp_path / "m.pt", capsys, "io.open")
    assert not (tmp_path / "trapped").exists()


def _map(*pairs):
    return bytes([0x80 | len(pairs)]) + b"".join(pairs)


def _text(text):
    return bytes([0xA0 | len(text)]) + text.encode()


def _array(dtype="float32", shape=b"\x91\x02", data=bytes(8)):
    inside = b"\x93" + shape + _text(dtype) + b"\xc4" + bytes([len(data)]) + data
    return b"\xc7" + bytes([len(inside)]) + b"\x01" + inside


MSGPACK = {
    "a dtype of no name": (_map(_text("a") + _array("float33")), "not the name of a dtype"),
    "objects": (_map(_text("a") + _array("object")), "does not hold numbers"),
    "a shape that does not fit": (_map(_text("a") + _array(shape=b"\x91\x03")), "takes 12 bytes"),
    "a shape below zero": (_map(_text("a") + _array(shape=b"\x91\xff")), "cannot be"),
    "a key twice": (_map(_text("a") + _array(), _text("a") + _array()), "twice"),
    "a name that leads up": (_map(_text("..") + _array()), "no program gives"),
    "markup": (_map(_text("<img>") + _array()), "no program gives"),
    "no arrays": (_map(_text("a") + _text("b")), "no arrays"),
    "nested without end": (b"\x81\xa1a" * 5000 + b"\xc0", "levels deep"),
    "more after it": (_map(_text("a") + _array()) + b"x", "follow its tree"),
}


@pytest.mark.parametrize("name", MSGPACK)
def test_a_hostile_msgpack_is_refused(name, tmp_path, capsys):
    """Heads that lie about what follows."""
    content, says = MSGPACK[name]
    (tmp_path / "m.msgpack").write_bytes(content)

    require_refused(tmp_path / "m.msgpack", capsys, says)


@pytest.mark.parametrize("name", ["soft", "external", "cycle", "outside"])
def test_an_hdf5_file_leads_nowhere_else(name, tmp_path, capsys):
    """Links are not followed, a group that holds itself has an end, other files stay closed."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file["a/kernel"] = np.ones(3)
        if name == "soft":
            file["a/link"] = h5py.SoftLink("/a/kernel")
        elif name == "external":
            file["a/link"] = h5py.ExternalLink("/etc/passwd", "/")
        elif name == "cycle":
            file["a/again"] = file["a"]
        else:
            file.create_dataset("a/raw", (4,), "u1", external=[("/etc/passwd", 0, 4)])

    require_refused(tmp_path / "m.weights.h5", capsys, "a/")


def test_what_is_no_checkpoint_is_refused(tmp_path, capsys):
    """Nothing there, an empty folder, a text, a circle of links."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello, world: this is not a checkpoint")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    require_refused(tmp_path / "nothing", capsys, "no such file or folder")
    require_refused(tmp_path / "folder", capsys, "holds no checkpoint of a known format")
    require_refused(tmp_path / "text", capsys, "of no format that is known here")
    require_refused(tmp_path / "circle", capsys, "circle: ")
