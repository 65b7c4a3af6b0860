"""Runs the command `fruit` as `python -m fruit_caption`."""

from fruit_caption.commands.app import app

if __name__ == "__main__":
    app()
