"""``genai-fn embed``: embeds the texts of files, and writes their vectors to Parquet files."""

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import genai_fn
from genai_fn.cli.exit_codes import EXIT_PARTIAL
from genai_fn.cli.interpreters import open_interpreter
from genai_fn.cli.options import OfflineOption, VertexOption
from genai_fn.cli.progress import show_embedding_progress
from genai_fn.cli.tables import print_value
from genai_fn.cli.terminal import print_message

if TYPE_CHECKING:
    from genai_fn.interpreters.http import Http
    from genai_fn.interpreters.offline.interpreter import Offline
    from genai_fn.jobs import EmbeddingJob, JobSummary

__all__ = ["embed"]


_Source = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help="Texts: a file of Parquet, Arrow, JSONL or CSV, a folder of text files, or a pattern."
    ),
]
_Output = Annotated[Path, typer.Argument(file_okay=False, metavar="OUTPUT", help="Folder for the vectors.")]
_Column = Annotated[str, typer.Option("--column", metavar="NAME", help="Column or field with the texts.")]
_Id = Annotated[
    str | None, typer.Option("--id", metavar="NAME", help="Column that identifies rows; the output has it as id.")
]
_Model = Annotated[str, typer.Option("-m", "--model", metavar="MODEL", help="Embedding model to use.")]
_Dimensions = Annotated[
    int | None,
    typer.Option("--dimensions", min=1, metavar="NUMBER", help="Length of the vectors; shorter ones are less exact."),
]
_TaskType = Annotated[
    str | None,
    typer.Option("--task-type", metavar="TYPE", help="What the vectors are for, such as RETRIEVAL_DOCUMENT."),
]
_RequestsPerMinute = Annotated[
    int | None,
    typer.Option("--requests-per-minute", min=1, metavar="NUMBER", help="Limit of texts that are sent in a minute."),
]
_Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, metavar="NUMBER", help="Number of requests that run at once.")
]
_KeepText = Annotated[bool, typer.Option("--keep-text", help="Write the texts beside the vectors.")]
_Npy = Annotated[bool, typer.Option("--npy", help="Write all vectors as one NumPy array, too.")]
_Resume = Annotated[
    bool, typer.Option("--resume", help="Continue an output that exists; finished texts are not sent again.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
_Restart = Annotated[bool, typer.Option("--restart", help="Remove an output that exists, and start over.")]


def embed(
    source: _Source,
    output: _Output,
    *,
    column: _Column = "text",
    id_column: _Id = None,
    model: _Model = "gemini-embedding-001",
    dimensions: _Dimensions = None,
    task_type: _TaskType = None,
    requests_per_minute: _RequestsPerMinute = None,
    concurrency: _Concurrency = 8,
    keep_text: _KeepText = False,
    npy: _Npy = False,
    resume: _Resume = False,
    restart: _Restart = False,
    json: _Json = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """
    Embed the texts of files, and write their vectors to a folder of Parquet files.

    It may be stopped at any moment; --resume continues. If some texts have no vector, the exit code is 3, and
    _dead_letters.jsonl in the folder says why.
    """
    from genai_fn.jobs import EmbeddingJob, SettingsChanged  # noqa: PLC0415  # slow to import, and only this command needs it

    job = EmbeddingJob(
        model=model,
        source=_check_source(source),
        output=output,
        text_column=column,
        id_column=id_column,
        config={"output_dimensionality": dimensions, "task_type": task_type},
        keep_text=keep_text,
        npy=npy,
        concurrency=concurrency,
        if_exists=_choose_policy(output, resume=resume, restart=restart),
    )
    with (
        show_embedding_progress() as on_event,
        open_interpreter(vertex=vertex, offline=offline, on_event=on_event) as run,
    ):
        try:
            summary = _run_job(run, job, requests_per_minute)
        except KeyboardInterrupt:
            print_message("note", f"stopped; --resume continues {output}")
            raise
        except SettingsChanged as error:
            raise typer.BadParameter(f"{error}; pass --restart, or another folder") from None
    if json:
        print_value(summary)
    else:
        _print_summary(summary)
    if summary.failed:
        print_message(
            "error",
            f"{summary.failed} of {summary.rows} texts have no vector; see {summary.output / '_dead_letters.jsonl'}",
        )
        raise typer.Exit(EXIT_PARTIAL)


def _check_source(source: str) -> str:
    """Return the source. A name that is neither a pattern nor that of a file or folder is wrong usage."""
    if not (glob.has_magic(source) or Path(source).exists()):
        raise typer.BadParameter(f"file or folder {source!r} does not exist")
    return source


def _choose_policy(output: Path, *, resume: bool, restart: bool) -> Literal["resume", "restart", "fail"]:
    if resume and restart:
        raise typer.BadParameter("--resume and --restart exclude each other")
    if not (resume or restart) and (output / "_job").exists():
        raise typer.BadParameter(f"{output} contains the output of a job: pass --resume or --restart")
    return "resume" if resume else "restart" if restart else "fail"


def _run_job(run: "Http | Offline", job: "EmbeddingJob", requests_per_minute: int | None) -> "JobSummary":
    if requests_per_minute is None:
        return genai_fn.raise_for(run(job.flow()))
    from genai_fn.middleware import limited  # noqa: PLC0415  # only this option needs it

    with run.with_middleware(limited(requests_per_minute=requests_per_minute)) as limited_run:
        return genai_fn.raise_for(limited_run(job.flow()))


def _print_summary(summary: "JobSummary") -> None:
    rows = {
        "rows": summary.rows,
        "embedded": summary.embedded,
        "failed": summary.failed,
        "duplicates": summary.duplicates,
        "dimensions": summary.dimensions or 0,
        "tokens": summary.tokens,
        "sent now": summary.sent,
        "seconds": f"{summary.seconds:.1f}",
        "files": len(summary.shards),
    }
    typer.echo(str(summary.output))
    for name, value in rows.items():
        typer.echo(f"{name:<11} {value}")
