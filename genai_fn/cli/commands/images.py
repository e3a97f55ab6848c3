"""``genai-fn images``: generates images, and writes them to files."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import genai_fn
from genai_fn.cli.exit_codes import EXIT_FAILURE, EXIT_PARTIAL
from genai_fn.cli.inputs import check_output_folder
from genai_fn.cli.interpreters import open_interpreter
from genai_fn.cli.options import OfflineOption, VertexOption
from genai_fn.cli.progress import show_status
from genai_fn.cli.terminal import print_message

if TYPE_CHECKING:
    from genai_fn.schema.images import GenerateImagesResponse

__all__ = ["images"]


def images(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="Description of the image.")],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            dir_okay=False,
            metavar="FILE",
            help="File to write; several images get a number: cat-1.png, cat-2.png.",
        ),
    ] = Path("image.png"),
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="NUMBER", help="Number of images.")] = 1,
    model: Annotated[
        str, typer.Option("-m", "--model", metavar="MODEL", help="Imagen model to use.")
    ] = "imagen-4.0-generate-001",
    aspect_ratio: Annotated[
        str | None, typer.Option("--aspect-ratio", metavar="W:H", help="Shape of the image, such as 16:9.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Generate images, write each to a file, and print the names of the files."""
    check_output_folder(output)
    paths = [*_number_paths(output, number)]
    taken = [str(each) for each in paths if each.exists()]
    if taken and not force:  # before the call is paid for
        raise typer.BadParameter(f"the output exists: {', '.join(taken)}; choose another name, or pass --force")
    mime_type = _find_mime_type(output)
    config: Any = {"number_of_images": number, "aspect_ratio": aspect_ratio, "output_mime_type": mime_type}
    with open_interpreter(vertex=vertex, offline=offline) as run, show_status("generating"):
        response = genai_fn.raise_for(run(genai_fn.images.generate(model, prompt, config)))
    written = 0
    for path, data in zip(paths, _iterate_images(response), strict=False):  # the filter may have removed some
        path.write_bytes(data)
        typer.echo(path)
        written += 1
    if written < number:
        reasons = {each.rai_filtered_reason for each in response.generated_images} - {None}
        print_message("error", f"{number - written} of {number} images were not generated: {_format_reasons(reasons)}")
        raise typer.Exit(EXIT_FAILURE if written == 0 else EXIT_PARTIAL)


def _number_paths(path: Path, number: int) -> Iterator[Path]:
    """Yield the path itself for one image; for several, ``cat-1.png``, ``cat-2.png`` and so on."""
    if number == 1:
        yield path
        return
    for each in range(1, number + 1):
        yield path.with_name(f"{path.stem}-{each}{path.suffix}")


def _find_mime_type(path: Path) -> str | None:
    from genai_fn.schema.mime_types import guess_mime_type  # noqa: PLC0415  # of the schema, which help does not need

    return guess_mime_type(path.name)


def _iterate_images(response: "GenerateImagesResponse") -> Iterator[bytes]:
    """Yield the bytes of each image that was not filtered."""
    for each in response.generated_images:
        if each.image is not None and each.image.image_bytes is not None:
            yield each.image.image_bytes


def _format_reasons(reasons: set[str | None]) -> str:
    return "; ".join(sorted(map(str, reasons))) or "the server gives no reason"
