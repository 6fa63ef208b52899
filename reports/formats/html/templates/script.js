"use strict";
// The report is read without this: it only adds a button that copies a script.
const status = document.querySelector(".status");

function selectText(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    // No permission, or an address that is not secure: the older way needs a selection.
    selectText(code);
    return document.execCommand("copy");
  }
}

for (const script of document.querySelectorAll(".script")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy script";
  button.addEventListener("click", async () => {
    const done = await copy(script.querySelector("code"));
    if (!done) script.open = true;
    button.textContent = done ? "Copied" : "Selected: press Ctrl+C";
    status.textContent = done ? "The script is on the clipboard." : "The script is selected.";
    setTimeout(() => { button.textContent = "Copy script"; }, 2000);
  });
  script.before(button);
}
