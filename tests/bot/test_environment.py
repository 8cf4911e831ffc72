"""Processes that Parley starts get what drivers need, and no secret."""

import pytest

from bot.environment import (
    HUGE_PAGES,
    installer_environment,
    model_environment,
    worker_environment,
)

SECRETS = [
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "OPENAI_API_KEY",
    "PGPASSWORD",
    "PGUSER",
    "SLACK_BOT_TOKEN",
    "DATABASE_URL",
    "SSH_AUTH_SOCK",
    "PARLEY_DISCORD__TOKEN",
    "PARLEY_STORAGE__URL",
    "OV_LICENSE_KEY",
    "TORCH_HUB_TOKEN",
    "INTEL_PASSWORD",
    "PIP_REPOSITORY_PASSWORD",
    "SOMETHING_NEW",
]
NEEDED = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "LD_LIBRARY_PATH",
    "OCL_ICD_VENDORS",
    "ONEAPI_DEVICE_SELECTOR",
    "ZE_AFFINITY_MASK",
    "SYCL_CACHE_PERSISTENT",
    "UR_L0_USE_IMMEDIATE_COMMANDLISTS",
    "NEOReadDebugKeys",
    "OV_TELEMETRY",
    "IPEX_LLM_LOW_MEM",
    "USE_XETLA",
    "OMP_NUM_THREADS",
    "KMP_AFFINITY",
    "CUDA_VISIBLE_DEVICES",
    "PYTORCH_ENABLE_XPU_FALLBACK",
    "HF_HOME",
    "SystemRoot",
    "APPDATA",
    "ProgramFiles(x86)",
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_reaches_no_process(name: str) -> None:
    assert name not in worker_environment({name: "x"})
    assert name not in installer_environment({name: "x"})


@pytest.mark.parametrize("name", NEEDED)
def test_what_drivers_and_libraries_need_is_passed_on(name: str) -> None:
    assert worker_environment({name: "x"})[name] == "x"


def test_import_paths_of_this_interpreter_are_not_passed_on() -> None:
    given = dict.fromkeys(["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"], "x")
    assert not given.keys() & worker_environment(given).keys()


def test_the_settings_pass_further_variables_on_by_name() -> None:
    given = {"MY_DRIVER": "1", "MY_OTHER": "2", "MY_TOKEN": "3"}
    kept = worker_environment(given, ["MY_DRIVER", "MY_TOKEN", "NOT_SET"])
    assert kept["MY_DRIVER"] == "1"
    assert kept["MY_TOKEN"] == "3"
    assert not {"MY_OTHER", "NOT_SET"} & kept.keys()


def test_libraries_are_told_to_stay_offline() -> None:
    assert worker_environment({"HF_HUB_OFFLINE": "0"})["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize("name", ["https_proxy", "NO_PROXY", "PIP_INDEX_URL", "SSL_CERT_FILE"])
def test_pip_reaches_its_index_as_it_does_in_the_shell(name: str) -> None:
    assert installer_environment({name: "x"})[name] == "x"
    assert name not in worker_environment({name: "x"})


def test_a_model_gets_huge_pages_unless_the_variable_is_set() -> None:
    assert model_environment({"PATH": "/bin"})["GLIBC_TUNABLES"] == HUGE_PAGES
    own = "glibc.malloc.hugetlb=0"
    assert model_environment({"GLIBC_TUNABLES": own})["GLIBC_TUNABLES"] == own


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_reaches_no_model(name: str) -> None:
    assert name not in model_environment({name: "x"})
    assert name in model_environment({name: "x"}, [name])
