"""The `foretell` command, one file per group of subcommands."""
