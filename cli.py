"""Runs the command `fruit` from a checkout: `python cli.py ask IMAGE QUESTION`."""

from fruit_caption.commands.app import app

if __name__ == "__main__":
    app()
