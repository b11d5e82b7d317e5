"""`foretell promote`, `rollback` and `history`: from candidate to champion and back, gates shown."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def promote(
    benchmarks: Annotated[list[str] | None, typer.Argument(help="benchmarks, as in params.yaml")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every benchmark of params.yaml, all or none")] = False,
    passing: Annotated[bool, typer.Option("--passing", help="promote those that pass, leave the others")] = False,
    version: Annotated[str, typer.Option(help="a version number; left out: the candidate")] = "",
    force: Annotated[bool, typer.Option("--force", help="promote although gates failed; needs --reason")] = False,
    reason: Annotated[str, typer.Option(help="why, recorded with the promotion")] = "",
) -> None:
    """Make the candidate the champion if it passes every gate; several benchmarks: all or none, but for --passing."""
    from models.registry.promotion import plan
    from models.registry.promotion import promote as move
    from models.registry.store import Store
    from pipelines.params import load_params
    from pipelines.workspace import WORKSPACE

    names = list(load_params().benchmarks) if everything else list(dict.fromkeys(benchmarks or []))
    if not names or (everything and benchmarks):
        raise typer.BadParameter("name the benchmarks to promote, or --all")
    if force != bool(reason.strip()):
        raise typer.BadParameter("--force and --reason TEXT belong together: a forced promotion says why")
    if passing and force:
        raise typer.BadParameter("--passing leaves those that fail, --force promotes them: give one of the two")
    if version and len(names) > 1:
        raise typer.BadParameter("--version goes with one benchmark")
    store = Store()
    plans = plan(store, WORKSPACE, names, version)
    for item in plans:
        champion = f"version {item.before}" if item.before else "nobody"
        print(f"{item.benchmark}: version {item.version} against {champion}")
        for gate in item.gates:
            print(f"  {'pass' if gate.passed else 'FAIL'}  {gate.name}: {gate.sentence}")
        if item.note:
            print(f"  {item.note}")
    if passing:
        left = [item.benchmark for item in plans if item.failed]
        plans = [item for item in plans if not item.failed]
        print(f"left as they are: {', '.join(left) or 'none'}")
    move(store, plans, reason.strip())
    for item in plans:
        if not item.note:
            forced = f" (forced: {reason.strip()})" if item.failed else ""
            undo = f"foretell rollback {item.benchmark}"
            print(f"champion of {item.benchmark}: version {item.version}{forced}; undo: {undo}")


@app.command()
def rollback(
    benchmark: Annotated[str, typer.Argument(help="a benchmark, as in params.yaml")],
    reason: Annotated[str, typer.Option(help="why, recorded with the move")] = "",
) -> None:
    """Restore the champion before the present one."""
    from models.registry.promotion import roll_back
    from models.registry.store import Store

    event = roll_back(Store(), benchmark, reason.strip())
    after = f"version {event.after}" if event.after else "nobody (it was the first champion)"
    undo = f"foretell promote {benchmark} --version {event.before}"
    print(f"champion of {benchmark}: {after}, was version {event.before}; undo: {undo} (its gates are checked again)")


@app.command()
def history(benchmark: Annotated[str, typer.Argument(help="a benchmark, as in params.yaml")]) -> None:
    """Every move of a benchmark's champion: when, who, from which version to which, and why."""
    from models.registry.champions import champion, events
    from models.registry.promotion import check_benchmarks
    from models.registry.runs import model_name
    from models.registry.store import Store

    check_benchmarks([benchmark])
    store, name = Store(), model_name(benchmark)
    store.version_numbers(name)  # raises when nothing is registered
    for event in events(store, name):
        line = f"{event.time}  {event.by}  {event.action:8}  {event.before or 'nobody'} -> {event.after or 'nobody'}"
        if event.failed:
            line += f"  forced past: {', '.join(event.failed)}"
        print(line + (f"  ({event.reason})" if event.reason else ""))
    now = champion(store, name)
    print(f"champion now: {'version ' + now if now else 'nobody'}")
