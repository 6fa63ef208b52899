"""Prints a run on the terminal: one line per subject as it goes on, and what to do at the end."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from ...properties.laws.law import PROMISABLE
from ...properties.plan.checks import Check
from ...properties.plan.profiles import current_profile
from ...reference.subjects.targets import UnusableTarget
from ..formats.faults import by_cause
from ..formats.reasons import beginning, in_short, needs_together, reasons_not_run, untold
from ..formats.wording import conclusion, story
from ..results.guarantees import BEYOND, Asked, with_reasons
from ..results.report import Report
from ..results.row import FAILING, Row
from ..run.listener import Listener

_STYLES = {
    "held": "green",
    "proved": "bold green",
    "refuted": "bold red",
    "vacuous": "yellow",
    "error": "bold red",
    "not-run": "dim",
}
#: Of so many subjects, each gets more than one line.
_FEW = 3
#: So many laws that hold are named.
_NAMED = 3
#: Reasons why laws did not run that are shown.
_REASONS = 4
#: So many laws tell how long the others take.
_SEVERAL = 3
#: So many examples of the first law do.
_TELLING = 10
#: Seconds in which a log hears nothing, before it hears how far the run has come.
_PATIENCE = 30.0


class Terminal(Listener):
    """Prints one line per subject, or with `verbose` per verdict; failures come at the end."""

    def __init__(
        self,
        console: Console | None = None,
        *,
        verbose: bool = False,
        quiet: bool = False,
        show_script: bool = False,
        max_examples: int | None = None,
    ):
        self.console = console or Console(highlight=False, soft_wrap=True, emoji=False)
        #: Where a log hears how far the run has come: what reads the verdicts reads nothing of it.
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        self.verbose = verbose
        self.quiet = quiet
        self.show_script = show_script
        self._subject: str | None = None
        self._status: Status | None = None
        self._began = self._spoke = monotonic()
        self._patience = _PATIENCE
        self._due: Counter[str] = Counter()
        #: Examples per law, if not those of the profile, and the share of them that laws which are
        #: being judged have seen, by subject and law.
        self._most = max_examples
        self._begun: dict[tuple[str, str], float] = {}
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)
        self._report: Report | None = None
        #: The longest name of a law.
        self._width = 0
        #: What proofs of a subject were said to assume.
        self._assumed: set[tuple[str, str | None]] = set()

    def close(self) -> None:
        """Take away what a live terminal shows for the moment, and give the cursor back."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def on_loading(self, number: int, many: int) -> None:
        """Show how many subjects are loaded: each is tried before any is judged."""
        if not self.quiet:
            self._show_progress(f"loading subject {number} of {many}")

    def on_unusable(self, reason: UnusableTarget) -> None:
        """Name a subject that cannot be judged, and let the others be."""
        print(f"frostproof: {reason}", file=sys.stderr)

    def on_start(self, report: Report) -> None:
        """Print the profile and the seed of the problems, and how many laws judge."""
        self._report = report
        self._due = Counter(row.subject for row in report.rows)
        self._width = max((len(row.law) for row in report.rows), default=0)
        if not self.quiet:
            many = f"{len(self._due)} subject{'s' * (len(self._due) != 1)}"
            self.console.print(
                f"[dim]profile {report.profile}, seed {report.seed}: "
                f"{len(report.rows)} law{'s' * (len(report.rows) != 1)} on {many}[/]"
            )

    def on_progress(self, item: Check, examples: int) -> None:
        """Show what is judged now, and how long all may still take: at any time on a live terminal,
        and in a log now and then.
        """
        if self.quiet:
            return
        most = self._most or current_profile().max_examples
        self._begun[item.subject_name, item.law.id] = min(1.0, examples / item.law.examples(most))
        done, due = sum(map(len, self._rows.values())), self._due.total()
        progress = (
            f"{done} of {due} laws{self._remaining(done, due, examples)}: "
            f"{escape(item.subject_name)} {escape(item.law.id)}, "
            f"{examples} example{'s' * (examples != 1)}"
        )
        self._show_progress(progress)

    def _show_progress(self, progress: str) -> None:
        if not self.console.is_terminal:
            self._log(progress)
            return
        if self._status is None:
            self._status = self.console.status("")
            self._status.start()
        self._status.update(progress)

    def on_row(self, row: Row) -> None:
        """Print a verdict, or the line of a subject whose last verdict this is."""
        self.close()
        self._begun.pop((row.subject, row.law), None)
        self._rows[row.subject].append(row)
        if self.verbose:
            self._verdict(row)
        elif self.quiet:
            return
        elif len(self._rows[row.subject]) == self._due[row.subject]:
            self._line(row.subject)
        elif self._is_news(row):
            self._news(row)
        else:
            return
        self._spoke = monotonic()

    def on_end(self, report: Report, scripts: Mapping[str, Path] = {}) -> None:
        """Print each promised failure, how much ran, and the conclusion.

        `scripts` are the files in which the scripts of counterexamples lie, by the id of the row.
        """
        beyond = [row for row in report.rows if row.verdict == "refuted" and not row.promised]
        for group in by_cause([*(row for row in report.rows if row.fails), *beyond]):
            first, *others = sorted(group, key=lambda row: not row.fails)
            if first.fails and first.counterexample:
                self._counterexample(first, others, scripts.get(first.id))
                beyond = [row for row in beyond if row not in others]
        if not self.quiet:
            self._beyond(beyond)
            self._summary(report)
        for reason in report.unusable:
            self.console.print(f"[yellow]cannot be judged[/]  {escape(reason)}")
        self.console.print(self._conclusion(report))

    def _log(self, progress: str) -> None:
        """Print progress where nothing was printed for long: twice as long each time, so that a
        night has a dozen lines.
        """
        if monotonic() - self._spoke < self._patience:
            return
        self._spoke = monotonic()
        self._patience *= 2
        self._errors.print(f"[dim]{progress}[/]")

    def _is_news(self, row: Row) -> bool:
        """Tell whether the line of a subject is not waited for: a log shows no progress otherwise.

        That is the first promised failure of each of a few subjects.
        """
        if self.console.is_terminal or len(self._due) > _FEW or not row.fails:
            return False
        return sum(each.fails for each in self._rows[row.subject]) == 1

    def _news(self, row: Row) -> None:
        name = f"{escape(row.subject)} :: " if len(self._due) > 1 else ""
        # The leaf, or the type of the exception: the block at the end has what happened to it.
        seen = escape(in_short(beginning(row.reason or "")))
        self.console.print(f"[{_STYLES[row.verdict]}]{row.verdict}[/]  {name}{row.law}: {seen}")

    def _remaining(self, done: float, due: int, examples: int) -> str:
        """Say how long the rest may take, by what the laws so far took. The first of a night take
        long: by what they have seen of their examples, which others share with them. Of the first
        examples nothing follows: everything is compiled for them.
        """
        spent, words = monotonic() - self._began, "about"
        if done < _SEVERAL:
            if spent < _PATIENCE or not (done or examples >= _TELLING):
                return ""
            done, words = done + sum(self._begun.values()), "up to"
        seconds = spent / done * (due - done)
        told = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
        return f", {words} {told} left"

    def _verdict(self, row: Row) -> None:
        if row.subject != self._subject:
            self._subject = row.subject
            self.console.print(f"\n[bold]{escape(row.subject)}[/]")
        style = _STYLES[row.verdict]
        beyond = "" if row.promised else "  [dim]beyond the promise[/]"
        self.console.print(
            f"  [{style}]{row.verdict:8}[/] {row.law:{self._width}} [dim]{row.guarantee:9}"
            f"{row.examples:6} {'example' if row.examples == 1 else 'examples':8} "
            f"{row.seconds:7.2f} s[/]{beyond}"
        )
        if row.verdict == "proved":  # what proofs assume is said once
            assumed = row.subject, row.reason
            row = replace(row, reason=None) if assumed in self._assumed else row
            self._assumed.add(assumed)
        if row.reason:
            reason = in_short(row.reason) if row.fails and row.counterexample else row.reason
            reason = untold(reason, self._rows[row.subject])
            self.console.print(f"           [{style}]{escape(reason)}[/]")

    def _line(self, subject: str) -> None:
        """Print what a subject keeps, in one line, and for few subjects what else was seen."""
        rows = self._rows[subject]
        asked = self._report.asked if self._report else {}
        standing = Report("", 0, rows, asked=asked).standings.get(subject)
        failing = [row.law for row in rows if row.fails]
        ran = sum(row.verdict != "not-run" for row in rows)
        proved = sum(row.verdict == "proved" for row in rows)
        laws = f"{ran} law{'s' * (ran != 1)}" + (f", {proved} of them proved" if proved else "")
        examples = sum(row.examples for row in rows)
        # What a person waited for; of several, which are judged side by side, what each took.
        seconds = monotonic() - self._began
        if len(self._due) > 1:
            seconds = sum(row.seconds for row in rows)
        said = [f"fails {', '.join(failing)}"] if failing else []
        if asked.get(subject, Asked()).omitted:
            said += _holds(rows)
        else:
            said.append(standing.keeps if standing else "only advice")
            if standing and standing.not_shown and ran:
                few = len(self._due) <= _FEW
                unshown = with_reasons(standing.not_shown) if few else ", ".join(standing.not_shown)
                said.append(f"not shown: {unshown}")
        mark = "[bold red]✗[/]" if failing else "[green]✓[/]"
        if not any(row.promised and row.verdict != "not-run" for row in rows):
            mark = "[yellow]–[/]"
            said.append("nothing promised could run")
        beyond = [row for row in rows if row.verdict in FAILING and not row.promised]
        many = len(self._due) > _FEW
        if beyond and many:
            said.append(f"beyond the promise {len(beyond)} refuted")
        width = max(map(len, self._due)) if many else 0
        self.console.print(
            f"{mark} [bold]{escape(subject):{width}}[/]  {escape('; '.join(said))}  "
            f"[dim]{laws}, {examples:,} example{'s' * (examples != 1)}, {seconds:.1f} s[/]"
        )

    def _beyond(self, rows: Sequence[Row]) -> None:
        """Print for few subjects what else was refuted beyond the promise, a line each, and how it
        is promised.
        """
        if not rows or len(self._due) > _FEW:
            return
        self.console.print("\n[bold]refuted beyond the promise[/], which fails nothing:")
        for row in rows:
            name = f"{escape(row.subject)} :: " if len(self._due) > 1 else ""
            told = dict(story(row))
            said = "; ".join(filter(None, (row.reason, told.get("because"))))
            self.console.print(f"  {name}{row.law}: [dim]{escape(said)}[/]")
        promisable = {row.guarantee for row in rows if row.law not in BEYOND} & {*PROMISABLE}
        if promisable:
            wanted = " or ".join(sorted(promisable))
            self.console.print(
                f"[dim]  promise {wanted} too, by promise= or --promise, and it fails[/]"
            )

    def _counterexample(self, row: Row, others: Sequence[Row], script: Path | None) -> None:
        self.console.print()
        self.console.rule(f"{escape(row.subject)} :: {row.law}", align="left", style="red")
        for keyword, text in story(row, brief=True):
            self.console.print(f"[bold]{keyword:8}[/]{escape(text)}")
        if others:
            promised = ", ".join(each.law for each in others if each.promised)
            beyond = ", ".join(each.law for each in others if not each.promised)
            laws = filter(None, (promised, beyond and f"beyond the promise {beyond}"))
            self.console.print(f"[bold]{'also':8}[/]by the same fault: {'; '.join(laws)}")
        if script is not None:
            self.console.print(f"[bold]{'script':8}[/]{escape(str(script))}")
        if self.show_script and row.reproduce:
            shown = row.reproduce if script is None else script.read_text(encoding="utf-8")
            self.console.print(f"\n{escape(shown.rstrip())}")

    def _summary(self, report: Report) -> None:
        summary = report.summary
        self.console.print(f"\nran {summary['ran']} of {summary['of']} laws")
        reasons = reasons_not_run(report)
        reasons = reasons if self.verbose else needs_together(reasons)
        # A single other reason takes no more than the line that would say that there is one.
        whole = self.verbose or len(reasons) <= _REASONS + 1
        for reason, count in reasons if whole else reasons[:_REASONS]:
            self.console.print(f"[dim]  {count} not run: {escape(reason)}[/]")
        if not whole:
            others = sum(count for _, count in reasons[_REASONS:])
            self.console.print(f"[dim]  {others} not run for other reasons: see -v[/]")
        if self.verbose or any(row.fails for row in report.rows):
            told = ((name, each) for name, each in report.standings.items() if each.sentence)
            for subject, standing in told:
                self.console.print(f"{escape(subject)} {escape(standing.sentence)}")

    @staticmethod
    def _conclusion(report: Report) -> str:
        style = {0: "bold green", 1: "bold red"}.get(report.exit_status, "bold yellow")
        laws = ", ".join(dict.fromkeys(row.law for row in report.rows if row.fails))
        return f"[{style}]{escape(conclusion(report))}[/]{f': {laws}' if laws else ''}"


def _holds(rows: Sequence[Row]) -> list[str]:
    """Say which of the laws hold that were chosen: of a guarantee they show but a part."""
    laws = [row.law for row in rows if row.verdict in ("held", "proved")]
    shown = ", ".join(laws) if len(laws) <= _NAMED else f"{len(laws)} laws"
    return [f"holds {shown}"] if laws else []
