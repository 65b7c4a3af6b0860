"""The Typer app `fruit` and its subcommands: parse options, call the library, print."""
