"""Metrics that a program computes itself, and metrics as YAML files."""

import sys
from pathlib import Path
from typing import Any

import pytest
from google.genai import types

from genai_fn import InvalidRequest, MissingExtra, tunings
from genai_fn.schema import Metric
from genai_fn.schema.convert import as_struct


def compute(instance: dict[str, Any]) -> float:
    return float(len(instance))


FIELDS: dict[str, Any] = {
    "name": "Wörter",
    "prompt_template": "Rate:\n{response}: ☀",
    "judge_model_system_instruction": "strict",
    "return_raw_output": True,
}


@pytest.mark.parametrize("version", [None, "1.0"])
def test_yaml(tmp_path: Path, version: str | None) -> None:
    """The file is the one that google-genai writes, with a version if one is given; a function is left out."""
    types.Metric(**FIELDS).to_yaml_file(str(tmp_path / "theirs"), version)
    Metric(**FIELDS, custom_function=compute).to_yaml_file(str(tmp_path / "ours"), version)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyYAML, the error names the package, and no file is written."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtra, match="pip install pyyaml"):
        Metric(name="a").to_yaml_file(str(tmp_path / "a.yaml"))
    assert list(tmp_path.iterdir()) == []


def test_function() -> None:
    """A function is kept, and compared; anything else is refused."""
    metric = as_struct(Metric, {"name": "a", "custom_function": compute}, "metric")
    assert metric == Metric(name="a", custom_function=compute)
    with pytest.raises(InvalidRequest) as raised:
        as_struct(Metric, {"name": "a", "custom_function": "compute"}, "metric")
    assert raised.value.path == "metric.custom_function"


def test_function_is_not_sent() -> None:
    """A tuning job with a metric that a function computes is refused, as no service runs the function."""
    config: Any = {
        "evaluation_config": {
            "metrics": [{"name": "bleu", "custom_function": compute}],
            "output_config": {"gcs_destination": {"output_uri_prefix": "gs://b"}},
        }
    }
    with pytest.raises(InvalidRequest, match="CustomCodeExecutionSpec") as raised:
        tunings.tune(base_model="m", training_dataset={"gcs_uri": "gs://b/o"}, config=config)
    assert raised.value.path.endswith("evaluation_config.metrics[0].custom_function")
