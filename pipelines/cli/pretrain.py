"""`foretell lms pretrain`: train a decoder model from scratch on a described mixture, or say what that would cost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.errors import ConfigError
from pipelines.files import read_yaml

if TYPE_CHECKING:
    from lms.pretrain.presets import Varied
    from lms.pretrain.run import RunSettings

Description = Annotated[Path | None, typer.Argument(help="YAML that describes the run (docs/pretrain.md)")]
Preset = Annotated[str, typer.Option(help="study-460m: the study's run, in place of a YAML")]
CodeShare = Annotated[float | None, typer.Option(help="with --preset: percent of code", min=0, max=100)]
WebShare = Annotated[float | None, typer.Option(help="with --preset: percent of web text", min=0, max=100)]
STUDY = "study-460m"


def pretrain(
    description: Description = None,
    out: Annotated[Path | None, typer.Option(help="folder of the run: curve, metrics, checkpoints")] = None,
    preset: Preset = "",
    code_share: CodeShare = None,
    web_share: WebShare = None,
    sources: Annotated[Path | None, typer.Option(help="with --preset: folder with one subfolder per source")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="with --preset: folder of Llama 2's tokenizer")] = None,
    tokens: Annotated[Path | None, typer.Option(help="folder of the tokens; runs may share it")] = None,
    workers: Annotated[int, typer.Option(help="processes that tokenise", min=1)] = 1,
    only_tokenise: Annotated[bool, typer.Option("--only-tokenise", help="stop when the tokens are made")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="train a big model without a GPU all the same")] = False,
) -> None:
    """Tokenise and train; a run that was killed goes on. Prints the cost first."""
    from lms.pretrain.cost import cost_lines, parameter_count
    from lms.pretrain.devices import open_devices
    from lms.pretrain.run import pretrain as train_run
    from lms.pretrain.run import require_gpu
    from lms.pretrain.shards import tokenise

    if preset and sources is None:
        raise ConfigError(f"--preset {preset}: give --sources, a folder with one subfolder per source")
    settings = _settings(description, preset, code_share, web_share, sources or Path(), tokenizer)
    if out is None:
        raise ConfigError("--out is missing: the folder of the run")
    first = int(os.environ.get("RANK", "0")) == 0
    if first:
        print("\n".join(cost_lines(settings.model, settings.tokens)), flush=True)
    if not only_tokenise:
        require_gpu(parameter_count(settings.model), anyway=yes)
    where = tokens or out / "tokens"
    if first:
        tokenise(settings.data, where, workers)
    if only_tokenise:
        print(f"tokens in {where}")
        return
    devices = open_devices(settings.dtype)
    devices.wait()
    train_run(settings, where, out)
    devices.close()
    if first:
        print(_last_losses(out))


def cost(
    description: Description = None,
    preset: Preset = "",
    code_share: CodeShare = None,
    web_share: WebShare = None,
) -> None:
    """Print what a run costs in hours of one H100; for the preset without a share, all runs of both experiments."""
    from lms.pretrain.cost import cost_lines
    from lms.pretrain.presets import SHARES_PERCENT, STUDY_MODEL, mixture_weights, study_run

    if preset == STUDY and code_share is None and web_share is None:
        tokens = study_run("code", 0.0, Path()).tokens
        for varied, shares in SHARES_PERCENT.items():
            print(f"{varied} share {', '.join(map(str, shares))} percent:")
            print("\n".join(f"  {line}" for line in cost_lines(STUDY_MODEL, tokens, len(shares))))
        return
    settings = _settings(description, preset, code_share, web_share, Path(), None)
    print("\n".join(cost_lines(settings.model, settings.tokens)))
    if preset:
        varied, share = _varied(code_share, web_share)
        weights = mixture_weights(varied, share)
        print("weights: " + ", ".join(f"{name} {weight:.2%}" for name, weight in weights.items()))


def _varied(code_share: float | None, web_share: float | None) -> tuple[Varied, float]:
    if (code_share is None) == (web_share is None):
        raise ConfigError("--preset: give either --code-share or --web-share")
    return ("code", code_share / 100) if code_share is not None else ("web", (web_share or 0.0) / 100)


def _settings(
    description: Path | None,
    preset: str,
    code_share: float | None,
    web_share: float | None,
    sources: Path,
    tokenizer: Path | None,
) -> RunSettings:
    from lms.pretrain.presets import study_run
    from lms.pretrain.run import read_run

    if (description is None) == (not preset):
        raise ConfigError(f"give either a YAML file or --preset {STUDY}")
    if description is not None:
        content = read_yaml(description)
        if not isinstance(content, dict):
            raise ConfigError(f"{description}: expected keys and values; docs/pretrain.md has an example")
        return read_run(str(description), content)
    if preset != STUDY:
        raise ConfigError(f"--preset {preset}: unknown; there is {STUDY}")
    varied, share = _varied(code_share, web_share)
    return study_run(varied, share, sources, tokenizer, int(os.environ.get("WORLD_SIZE", "1")))


def _last_losses(out: Path) -> str:
    import pandas as pd

    table = pd.read_csv(out / "metrics.csv")
    if table.empty:
        return f"nothing measured; the run is in {out}"
    last = table[table.step == table.step.max()]
    rows = [f"  {metric} {value:.4f}" for metric, value in zip(last.metric, last.value, strict=True)]
    return "\n".join([f"after {int(last.step.iloc[0])} steps:", *rows, f"the run is in {out}"])
