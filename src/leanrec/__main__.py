"""`python -m leanrec`: the same as the command `leanrec`."""

from leanrec.cli import main

if __name__ == "__main__":
    main()
