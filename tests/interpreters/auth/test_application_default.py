"""Token sources: credentials files of every type, their order of precedence, and projects."""

import json
import os
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from google.auth import jwt

from genai_fn.backend import Credential
from genai_fn.effects import EffectFailed
from genai_fn.errors import AuthError
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpreters.auth.application_default import find_token_source
from genai_fn.interpreters.auth.google_auth import GoogleAuthTokenSource
from tests.support.credentials import (
    FLAVOR,
    NO_SUCH_HOST,
    SCOPE,
    USER_INFO,
    FakeCredentials,
    RecordingFetch,
    await_credential,
    build_reply,
    fetch_by_http,
    get_error,
    get_token,
    make_cache,
    make_failing_fetch,
    make_fetch,
    make_service_account,
    read_headers,
    write_json,
)
from tests.support.loopback import Loopback, build_json_reply

# Files


@pytest.mark.parametrize("depth", [600, 5000, 100_000])
def test_deep_file(tmp_path, depth):
    """A file that nests too deep is not a credentials file."""
    path = tmp_path / "credentials.json"
    path.write_bytes(b'{"type": ' + b"[" * depth + b"]" * depth + b"}")
    assert "is not a credentials file" in str(get_error(make_cache(path, fetch_by_http).get_credential()))


def test_service_account(tmp_path):
    """A service account signs a request for a cloud-platform token to the token endpoint in its file."""
    with Loopback(build_json_reply({"access_token": "test-token", "expires_in": "3600"})) as server:
        path = write_json(tmp_path, make_service_account(f"{server.url}/token"))
        future = make_cache(path, fetch_by_http, project=None).get_credential()
        assert Credential(
            "https://us-central1-aiplatform.googleapis.com:443",
            await_credential(future).headers,
            "file-project",
        ) == await_credential(future)
        assert {"authorization": "Bearer test-token"} == read_headers(future)
    [request] = server.requests
    form = parse_qs(request.body.decode())
    assert ("POST", "/token") == (request.method, request.target)
    assert ["urn:ietf:params:oauth:grant-type:jwt-bearer"] == form["grant_type"]
    assert SCOPE == jwt.decode(form["assertion"][0], verify=False)["scope"]


def test_without_requests(tmp_path):
    """Files and the metadata server work without `requests`."""
    reply_token = build_json_reply(
        {"access_token": "test-token", "expires_in": 3600}, headers=[("metadata-flavor", "Google")]
    )
    with Loopback(reply_token) as server:
        path = write_json(tmp_path, make_service_account(f"{server.url}/token"))
        script = (
            "import sys\n"
            "sys.modules['requests'] = sys.modules['urllib3'] = sys.modules['aiohttp'] = None\n"
            "from tests.support.credentials import fetch_by_http, make_cache, get_token\n"
            "print(get_token(make_cache(sys.argv[1], fetch_by_http).get_credential()))\n"
            "named = {'GCE_METADATA_HOST': sys.argv[2], 'CLOUDSDK_CONFIG': 'none'}\n"
            "print(get_token(make_cache(None, fetch_by_http, named).get_credential()))\n"
        )
        process = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, path, f"127.0.0.1:{server.port}"],
            capture_output=True,
            text=True,
            timeout=600,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            check=False,
        )
    assert (0, "test-token\ntest-token\n", "") == (process.returncode, process.stdout, process.stderr)


def test_import_is_light():
    """Neither google-auth nor a network stack is imported before the first token."""
    script = (
        "import sys, genai_fn.interpreters.auth.token_cache\n"
        "print([name for name in ('google.auth', 'requests', 'httpcore', 'cryptography') if name in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600, env=env, check=True
    )
    assert "[]\n" == process.stdout


def test_user(tmp_path):
    """A user's credentials are refreshed without scopes, so that the granted ones stay."""
    fetch = make_fetch()
    assert "test-token" == get_token(make_cache(write_json(tmp_path, USER_INFO), fetch).get_credential())
    [request] = fetch.requests
    assert ("POST", "https://oauth2.googleapis.com/token") == (request.method, request.url)
    assert {
        "grant_type": ["refresh_token"],
        "client_id": ["test-client-id"],
        "client_secret": ["test-client-secret"],
        "refresh_token": ["test-refresh-token"],
    } == parse_qs(request.body.decode())
    assert [30.0] == fetch.seconds


def test_workload_identity(tmp_path):
    """An external account's token and project are requested over our own HTTP."""
    write_json(tmp_path, "subject", "subject-token")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/p",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "subject-token")},
    }
    fetch = make_fetch(issued_token_type="urn:ietf:params:oauth:token-type:access_token", projectId="pool-project")
    found = await_credential(make_cache(write_json(tmp_path, info), fetch, project=None).get_credential())
    assert "pool-project" == found.project
    assert [
        "https://sts.googleapis.com/v1/token",
        "https://cloudresourcemanager.googleapis.com/v1/projects/123",
    ] == fetch.urls
    assert ["subject"] == parse_qs(fetch.requests[0].body.decode())["subject_token"]


def test_impersonation(tmp_path):
    """An impersonated account's token is requested with the source credentials' token."""
    url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.example:generateAccessToken"
    info = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": url,
        "source_credentials": USER_INFO,
        "quota_project_id": "file-quota",
    }
    ends = datetime.now(UTC) + timedelta(hours=1)
    fetch = make_fetch("test-source", accessToken="test-token", expireTime=ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    future = make_cache(write_json(tmp_path, info), fetch).get_credential()
    assert {"x-goog-user-project": "file-quota", "authorization": "Bearer test-token"} == read_headers(future)
    assert ["https://oauth2.googleapis.com/token", url] == fetch.urls
    sent = {name.lower(): value for name, value in fetch.requests[1].headers}
    assert "Bearer test-source" == sent["authorization"]
    assert [SCOPE] == json.loads(fetch.requests[1].body)["scope"]


@pytest.mark.parametrize(
    ("fields", "module"),
    [
        (
            {
                "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
                "credential_source": {
                    "environment_id": "aws1",
                    "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity",
                },
            },
            "google.auth.aws",
        ),
        ({"credential_source": {"executable": {"command": "/bin/false"}}}, "google.auth.pluggable"),
        ({"credential_source": {"file": "/nowhere"}}, "google.auth.identity_pool"),
    ],
)
def test_external_accounts(tmp_path, fields, module):
    """The source in an external account's file selects google-auth's module."""
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/p",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        **fields,
    }
    found = find_token_source(write_json(tmp_path, info), {}, make_failing_fetch())
    assert isinstance(found, GoogleAuthTokenSource), found
    assert module == type(found._credentials).__module__


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not a credentials file: not a JSON object"),
        ("[]", "is not a credentials file: not a JSON object"),
        ({}, "has the type None, expected one of service_account, authorized_user, external_account,"),
        ({"type": ["x"]}, "has the type ['x'], expected one of"),
        ({"type": "gdch_service_account"}, "has the type 'gdch_service_account', expected one of"),
        ({"type": "authorized_user", "client_id": "x", "client_secret": "y"}, "missing fields refresh_token"),
        ({"type": "service_account"}, "cannot be used:"),
        ({"type": "external_account", "credential_source": 3}, "cannot be used:"),
        ({"type": "impersonated_service_account"}, "cannot be used:"),
        ({"type": "service_account", "private_key": "test-key", "client_email": "e", "token_uri": "u"}, "used:"),
    ],
)
def test_bad_files(tmp_path, content, expected):
    """An unusable file is an error with its path and the reason, without its content."""
    path = str(tmp_path / "none.json") if content is None else write_json(tmp_path, content)
    failed = get_error(make_cache(path).get_credential())
    assert isinstance(failed, AuthError)
    assert str(failed).startswith(f"Vertex.credentials: {path!r} ")
    assert expected in str(failed)
    assert "test-key" not in str(failed)


@pytest.mark.parametrize("text", [json.dumps({**USER_INFO, "url": "https://a.example/b"}), "ya29.test-token", "a/b"])
@pytest.mark.parametrize("variable", [None, "GOOGLE_APPLICATION_CREDENTIALS"])
def test_secret_in_place_of_a_path(text, variable):
    """The content of a file, or a token, in the place of a path does not appear in the error; paths do."""
    cache = make_cache(text) if variable is None else make_cache(None, make_fetch(), {variable: text})
    shown = "*** (expected the path of a file, such as 'credentials.json') cannot be read: No such file or directory"
    assert f"{variable or 'Vertex.credentials'}: {shown}" == str(get_error(cache.get_credential()))
    assert "'none/none.json' cannot be read" in str(get_error(make_cache("none/none.json").get_credential()))


def test_a_path_object(tmp_path):
    """Credentials may be a `Path`."""
    assert "test-token" == get_token(make_cache(Path(write_json(tmp_path, USER_INFO)), make_fetch()).get_credential())


def test_files_are_read_again_after_a_failure(tmp_path):
    """A file that was missing is read by the next call."""
    path = tmp_path / "late.json"
    cache = make_cache(str(path), make_fetch())
    assert isinstance(get_error(cache.get_credential()), AuthError)
    write_json(tmp_path, USER_INFO, "late.json")
    assert "test-token" == get_token(cache.get_credential())


def test_warning_filters_are_left_alone(tmp_path):
    """Loading a file warns of nothing, and leaves the process-wide warning filters unchanged."""
    filters = list(warnings.filters)
    assert "test-token" == get_token(
        make_cache(write_json(tmp_path, make_service_account()), make_fetch()).get_credential()
    )
    assert filters == list(warnings.filters)


# The order of the application default credentials


def test_order(tmp_path):
    """`GOOGLE_APPLICATION_CREDENTIALS` comes first, then gcloud's file, then the metadata server."""
    named_file = write_json(tmp_path, {**USER_INFO, "refresh_token": "named"}, "named.json")
    write_json(tmp_path, {**USER_INFO, "refresh_token": "known"}, "gcloud/application_default_credentials.json")
    home = tmp_path / "home"
    write_json(home, {**USER_INFO, "refresh_token": "home"}, ".config/gcloud/application_default_credentials.json")
    empty = {"CLOUDSDK_CONFIG": str(tmp_path / "empty")}

    def find_used_source(environ: dict[str, str]) -> str:
        fetch = RecordingFetch(
            lambda request: build_reply({"access_token": "t", "expires_in": 3600}, 200, ("metadata-flavor", "Google"))
        )
        await_credential(make_cache(None, fetch, environ).get_credential())
        return parse_qs(fetch.requests[-1].body.decode()).get("refresh_token", [fetch.urls[-1]])[0]

    gcloud = {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    assert "named" == find_used_source({"GOOGLE_APPLICATION_CREDENTIALS": named_file, **gcloud})
    assert "known" == find_used_source(gcloud)
    assert "known" == find_used_source({"GOOGLE_APPLICATION_CREDENTIALS": "", **gcloud})
    if os.name != "nt":
        assert "home" == find_used_source({"HOME": str(home)})
    token = "/computeMetadata/v1/instance/service-accounts/default/token"
    assert f"http://metadata.google.internal{token}" == find_used_source(empty)
    assert f"http://10.0.0.1{token}" == find_used_source({**empty, "GCE_METADATA_IP": "10.0.0.1"})
    assert f"http://h:8080{token}" == find_used_source(
        {**empty, "GCE_METADATA_HOST": "h:8080", "GCE_METADATA_IP": "10.0.0.1"}
    )


@pytest.mark.skipif(os.name == "nt", reason="gcloud's folder is not in the home directory there")
@pytest.mark.parametrize("home", [None, "/" + "x" * 10_000])
def test_home_that_cannot_be_read(monkeypatch, home):
    """Without a home directory, or one that cannot be looked into, the metadata server is asked."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without one
    fetch = RecordingFetch(lambda request: build_reply({"access_token": "test-token", "expires_in": 3600}, 200, FLAVOR))
    assert "test-token" == get_token(make_cache(None, fetch, {} if home is None else {"HOME": home}).get_credential())


def test_named_file_is_not_passed_over(tmp_path):
    """A missing file in `GOOGLE_APPLICATION_CREDENTIALS` is an error; no other source is tried."""
    fetch = make_failing_fetch()
    path = str(tmp_path / "none.json")
    failed = get_error(make_cache(None, fetch, {"GOOGLE_APPLICATION_CREDENTIALS": path}).get_credential())
    no_file = os.strerror(2)
    assert AuthError(f"GOOGLE_APPLICATION_CREDENTIALS: {path!r} cannot be read: {no_file}") == failed
    assert [] == fetch.requests


@pytest.mark.parametrize(
    ("environ", "request_count", "reason"),
    [({}, 1, "connecting: no such host"), ({"NO_GCE_CHECK": "true"}, 0, "skipped because of NO_GCE_CHECK")],
)
def test_none(tmp_path, environ, request_count, reason):
    """Without credentials the error lists the sources that were tried, and what to do."""
    fetch = make_failing_fetch()
    failed = get_error(make_cache(None, fetch, {"CLOUDSDK_CONFIG": str(tmp_path), **environ}).get_credential())
    assert (
        AuthError(
            "no credentials: looked for GOOGLE_APPLICATION_CREDENTIALS (not set),"
            f" {tmp_path / 'application_default_credentials.json'} (no such file) and the metadata server"
            f" metadata.google.internal ({reason}); run `gcloud auth application-default login`, give"
            " Vertex(credentials=…) a file or credentials, or use Offline()"
        )
        == failed
    )
    assert [3.0] * request_count == fetch.seconds


# The project


@pytest.mark.parametrize(
    ("given", "environ", "in_file", "in_gcloud", "expected"),
    [
        ("mine", {"GOOGLE_CLOUD_PROJECT": "env"}, "file", "gcloud", "mine"),
        (None, {"GOOGLE_CLOUD_PROJECT": "env"}, "file", "gcloud", "file"),
        (None, {}, None, "gcloud", "gcloud"),
        (None, {"CLOUDSDK_CORE_PROJECT": "core"}, None, "gcloud", "core"),
        (None, {"CLOUDSDK_ACTIVE_CONFIG_NAME": "other"}, None, "gcloud", "machine-project"),
        (None, {}, None, None, "machine-project"),
    ],
)
def test_project(tmp_path, given, environ, in_file, in_gcloud, expected):
    """The project is the backend's, or else the credentials', gcloud's or the machine's; no variable is read."""
    info = USER_INFO if in_file is None else {**USER_INFO, "project_id": in_file}
    write_json(tmp_path, info, "application_default_credentials.json")
    if in_gcloud is not None:
        write_json(tmp_path, "default\n", "active_config")
        write_json(tmp_path, f"[core]\naccount = a\nproject = {in_gcloud}\n", "configurations/config_default")

    def respond(request: HttpRequest) -> HttpResponse | EffectFailed:
        machine = HttpResponse(200, (FLAVOR,), b"machine-project")
        return machine if "metadata" in request.url else build_reply({"access_token": "t", "expires_in": 3600})

    cache = make_cache(None, RecordingFetch(respond), {"CLOUDSDK_CONFIG": str(tmp_path), **environ}, project=given)
    assert expected == await_credential(cache.get_credential()).project


@pytest.mark.parametrize("script", ["", "[core]\n", "no ini", "\xff"])
def test_gcloud_files_without_project(tmp_path, script):
    """Gcloud settings without a project are ignored."""
    write_json(tmp_path, USER_INFO, "application_default_credentials.json")
    write_json(tmp_path, "default", "active_config")
    (tmp_path / "configurations").mkdir()
    (tmp_path / "configurations" / "config_default").write_bytes(script.encode("latin-1"))
    environ = {"CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true"}
    failed = get_error(make_cache(None, make_fetch(), environ, project=None).get_credential())
    assert str(failed).startswith("no project: Vertex(project=…) is not set")


def test_failed_project_lookup(tmp_path):
    """A project lookup that fails in transit is retried; one that is refused means that there is no project."""

    class CredentialsWithProject(FakeCredentials):
        def get_project_id(self, request: Any) -> str:
            return str(request("https://cloudresourcemanager.googleapis.com/v1/projects/1").data)

    skip = {"NO_GCE_CHECK": "true"}
    assert NO_SUCH_HOST.error == get_error(
        make_cache(CredentialsWithProject(token="t"), make_failing_fetch(), skip, project=None).get_credential()
    )
    failing_fetch = RecordingFetch(lambda request: build_reply({}))
    credentials = CredentialsWithProject(token="t")
    credentials.get_project_id = lambda: None
    assert isinstance(get_error(make_cache(credentials, failing_fetch, skip, project=None).get_credential()), AuthError)


def test_project_of_an_object():
    """The project of a credentials object is used without a request."""
    credentials = FakeCredentials(token="one")
    credentials.project_id = "ducks"
    assert "ducks" == await_credential(make_cache(credentials, project=None).get_credential()).project


# The quota project


@pytest.mark.parametrize(
    ("in_file", "in_environ", "expected"),
    [("file", None, "file"), ("file", "env", "env"), (None, "env", "env"), (None, None, None), (None, "", None)],
)
def test_quota_project_of_files(tmp_path, in_file, in_environ, expected):
    """The environment's quota project overrides the file's, as in google-auth."""
    info = USER_INFO if in_file is None else {**USER_INFO, "quota_project_id": in_file}
    environ = {} if in_environ is None else {"GOOGLE_CLOUD_QUOTA_PROJECT": in_environ}
    future = make_cache(write_json(tmp_path, info), make_fetch(), environ).get_credential()
    assert expected == read_headers(future).get("x-goog-user-project")


def test_real_environment_is_not_read(tmp_path, monkeypatch):
    """Only the `environ` that was passed in is read."""
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "real")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "real")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    write_json(tmp_path, {**USER_INFO, "project_id": "file"}, "application_default_credentials.json")
    future = make_cache(None, make_fetch(), {"CLOUDSDK_CONFIG": str(tmp_path)}, project=None).get_credential()
    assert "file" == await_credential(future).project
    assert {"authorization": "Bearer test-token"} == read_headers(future)


def test_quota_project_invalid_in_header():
    """A quota project with a line break is refused."""
    credentials = FakeCredentials(token="one")
    credentials.quota_project_id = "a\nb"
    assert AuthError("the quota project is not valid in a header") == get_error(
        make_cache(credentials).get_credential()
    )
