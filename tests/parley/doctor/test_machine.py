"""The driver and oneAPI, on machines of every broken kind."""

from pathlib import Path

import pytest

from bot.checks import Result, State
from parley.doctor.machine import Machine, check_driver, check_oneapi


def machine(
    root: Path,
    *,
    vendor: str = "0x8086",
    node: bool = True,
    opencl: bool = True,
    level_zero: bool = True,
    allowed: bool = True,
    environment: dict[str, str] | None = None,
) -> Machine:
    """A machine with a GPU; what is False is broken."""
    gpu = root / "sys/class/drm/renderD128/device"
    gpu.mkdir(parents=True)
    (gpu / "vendor").write_text(vendor + "\n")
    drivers = root / "sys/bus/pci/drivers/xe"
    drivers.mkdir(parents=True)
    (gpu / "driver").symlink_to(drivers)
    (root / "dev/dri").mkdir(parents=True)
    if node:
        (root / "dev/dri/renderD128").touch()
    vendors = root / "etc/OpenCL/vendors"
    vendors.mkdir(parents=True)
    if opencl:
        (vendors / "intel.icd").touch()
    return Machine(
        root=root,
        environment=environment or {},
        find_library=lambda _: "libze_loader.so.1" if level_zero else None,
        may_use=lambda _: allowed,
        linux=True,
    )


def states(results: list[Result]) -> dict[str, State]:
    return {result.what: result.state for result in results}


def failure(results: list[Result]) -> Result:
    """The one check that failed; a remedy belongs to it."""
    (failed,) = [result for result in results if result.state is State.FAILED]
    assert failed.remedy
    return failed


def test_a_whole_machine_has_nothing_to_remedy(tmp_path: Path) -> None:
    results = check_driver(machine(tmp_path), needed=True)
    assert states(results) == {
        "renderD128 (xe)": State.OK,
        "OpenCL driver": State.OK,
        "Level Zero": State.OK,
    }
    assert not any(result.remedy for result in results)


def test_without_the_right_to_use_it_the_group_is_named(tmp_path: Path) -> None:
    failed = failure(check_driver(machine(tmp_path, allowed=False), needed=True))
    assert failed.detail == f"no permission to use {tmp_path}/dev/dri/renderD128"
    assert "usermod -aG render" in failed.remedy


def test_a_container_without_the_device_is_told_how_to_pass_it_on(tmp_path: Path) -> None:
    failed = failure(check_driver(machine(tmp_path, node=False), needed=True))
    assert "--device /dev/dri" in failed.remedy


def test_without_intels_opencl_openvino_finds_no_gpu(tmp_path: Path) -> None:
    failed = failure(check_driver(machine(tmp_path, opencl=False), needed=True))
    assert failed.what == "OpenCL driver"


def test_without_level_zero_only_torch_is_without_a_gpu(tmp_path: Path) -> None:
    results = check_driver(machine(tmp_path, level_zero=False), needed=True)
    assert states(results)["Level Zero"] is State.WARNING


@pytest.mark.parametrize(("needed", "state"), [(True, State.FAILED), (False, State.SKIPPED)])
def test_anothers_gpu_is_none_and_that_is_bad_only_where_one_is_asked_for(
    tmp_path: Path, needed: bool, state: State
) -> None:
    (result,) = check_driver(machine(tmp_path, vendor="0x10de"), needed=needed)
    assert result.state is state
    assert bool(result.remedy) is needed


def test_wsl_has_windows_driver(tmp_path: Path) -> None:
    on_wsl = machine(tmp_path, vendor="none")
    (tmp_path / "dev/dxg").touch()
    assert check_driver(on_wsl, needed=True)[0].detail == "Windows' (/dev/dxg)"


def test_an_environment_of_oneapi_in_force_is_warned_of(tmp_path: Path) -> None:
    environment = {"SETVARS_COMPLETED": "1", "ONEAPI_ROOT": "/opt/intel/oneapi"}
    result = check_oneapi(machine(tmp_path, environment=environment))
    assert result.state is State.WARNING
    assert "/opt/intel/oneapi is active" in result.detail
    assert check_oneapi(Machine(root=tmp_path, environment={})).state is State.OK
