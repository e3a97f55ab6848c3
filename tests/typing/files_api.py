"""The inferred types of files, polling and batches; see ``api.py``."""

from pathlib import Path
from typing import assert_type

from genai_fn import Flow, Request, Stream, batches, files, items, stores, streamed, tunings, until_done, videos
from genai_fn.schema import (
    BatchJob,
    File,
    GenerateVideosOperation,
    RegisterFilesResponse,
    TuningJob,
    UploadToFileSearchStoreOperation,
    ValidateRewardResponse,
)

assert_type(files.get("a"), Request[File])
assert_type(files.get("a") | until_done(), Flow[File])
assert_type(files.upload("a.txt"), Flow[File])
assert_type(files.upload("a.txt") | until_done(every=1.0), Flow[File])
assert_type(files.download("a"), Flow[bytes])
assert_type(files.download("a", "b"), Flow[Path])
assert_type(files.list() | items, Stream[File])
assert_type(files.register_files(["gs://b/a"], "token"), Request[RegisterFilesResponse])
assert_type(stores.upload("fileSearchStores/s", "a.txt"), Flow[UploadToFileSearchStoreOperation])
assert_type(stores.download_media("fileSearchStores/s/media/m"), Request[bytes])
assert_type(stores.download_media("fileSearchStores/s/media/m") | streamed, Stream[bytes])
assert_type(videos.generate("m", "x") | until_done(timeout=600.0), Flow[GenerateVideosOperation])
assert_type(batches.get("1") | until_done(), Flow[BatchJob])
assert_type(tunings.list() | items, Stream[TuningJob])
assert_type(
    tunings.validate_reward("4", {"contents": ["2 + 2"]}, {"reward_name": "r"}), Request[ValidateRewardResponse]
)
