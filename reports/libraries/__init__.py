"""Judges recipes of real libraries, each where its library runs.

`python -m frostproof.reports.libraries` judges them all, and prints a table.

- `environments`: folders with the packages that a recipe needs, made once
- `judging`: a recipe's report, of this process, of another one, or of files; kept until it changes
- `table`: what was found, as Markdown; `page`: as a page of HTML
- `scripts`: what goes to maintainers, run; `own_tests`: what the libraries test themselves
- `latest`: what the newest releases change; `since`: the first release with a fault
"""
