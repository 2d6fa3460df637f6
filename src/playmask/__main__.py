"""`python -m playmask`, the same as `playmask`."""

from playmask.cli import main

if __name__ == "__main__":
    main()
