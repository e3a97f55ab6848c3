"""Every seed passes its harness, in the ordinary suite, too."""

import pytest

from tests.fuzz.harnesses import HARNESSES, SEEDS, read_seeds


@pytest.mark.parametrize("name", HARNESSES)
def test_seeds(name: str) -> None:
    """A harness accepts each of its seeds: the first inputs, and the inputs that once found a defect."""
    seeds = read_seeds(name)
    assert seeds
    for file, data in seeds.items():
        try:
            HARNESSES[name](data)
        except Exception as error:
            error.add_note(f"in the seed {name}/{file}: {data!r}")
            raise


def test_folders() -> None:
    """Each folder of seeds belongs to a harness."""
    assert {path.name for path in SEEDS.iterdir() if path.is_dir()} == set(HARNESSES)
