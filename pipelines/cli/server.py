"""`foretell ui` and `foretell server`: MLflow's pages for one person, and the server that a team shares."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def ui(port: Annotated[int, typer.Option(help="port on this machine", min=1, max=65535)] = 5000) -> None:
    """Open the local runs and registry in MLflow's pages, on this machine only."""
    from models.registry.server import serve_pages

    serve_pages(port)


@app.command()
def server(
    database: Annotated[str, typer.Option(envvar="FORETELL_DATABASE", help="postgresql://USER@HOST/NAME")] = "",
    artifacts: Annotated[str, typer.Option(envvar="FORETELL_ARTIFACTS", help="s3://BUCKET/FOLDER")] = "",
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on", min=1, max=65535)] = 5000,
    allowed_hosts: Annotated[str, typer.Option(help="names it answers to, as mlflow.example.org:5000,...")] = "",
    workers: Annotated[int, typer.Option(help="server processes", min=1)] = 2,
    admin: Annotated[str, typer.Option(help="name of the first administrator")] = "admin",
) -> None:
    """Run a team's MLflow server: PostgreSQL, S3-compatible files, passwords (docs/team-server.md)."""
    from models.registry.server import TeamServer

    hosts = tuple(name.strip() for name in allowed_hosts.split(",")) if allowed_hosts else ()
    TeamServer(database, artifacts, host, port, hosts, workers, admin).serve()
