"""The settings of the three jobs a language model goes through, as the sections of params.yaml hold them. They live
here, beside what they steer; the pipeline's parameters include them. Unknown keys are refused."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Backend = Literal["hf", "vllm"]
Dtype = Literal["float32", "bfloat16", "float16"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Weights(_Section):
    """Where a language model's weights are: a hub repository (`model_id` is its id) or a local folder, always pinned.

    `revision`: the commit (40 hex digits) of a hub repository, or the SHA-256 (64 hex digits,
    `lms.record.weights_sha256`) of a local folder's files. `unsafe_weights` admits pickled weights, which can run
    code; leave it off."""

    model_id: str
    revision: str
    path: str = ""
    dtype: Dtype = "bfloat16"
    unsafe_weights: bool = False


class RecordSettings(_Section):
    """`regenerate`: the slugs scored, sampled and tagged anew; each needs an entry of `weights`, which may hold
    more."""

    regenerate: list[str] = Field(default_factory=list)
    weights: dict[str, Weights] = Field(default_factory=dict)


class ScoreSettings(_Section):
    """`data_folder`: local benchmark data in place of the hub's ("" uses the hub). `batch_size` 0: found
    automatically. `run_generated_code`: HumanEval programs may run on this machine. `cpu_max_parameters`: the largest
    model a machine without a GPU takes on."""

    benchmarks: list[str]
    data_folder: str = ""
    batch_size: int = Field(default=0, ge=0)
    max_batch_size: int = Field(default=64, ge=1)
    run_generated_code: bool = False
    cpu_max_parameters: int = Field(default=100_000_000, ge=0)


class SampleSettings(_Section):
    """Unprompted generations: `n_texts` texts of at most `max_tokens` tokens at `temperature` and `top_p`, in shards
    of `shard_size` texts; `batch_size` texts are generated at once."""

    n_texts: int = Field(default=5000, ge=1)
    temperature: float = Field(default=0.8, gt=0)
    top_p: float = Field(default=0.9, gt=0, le=1)
    max_tokens: int = Field(default=256, ge=1)
    shard_size: int = Field(default=250, ge=1)
    batch_size: int = Field(default=64, ge=1)
    seed: int = Field(default=0, ge=0)
    backend: Backend = "hf"
    cpu_max_parameters: int = Field(default=100_000_000, ge=0)
