"""A forked kernel is a kernel of its own: only what it imports is there already."""

import json
import os
import sys

import psutil
import pytest
import warm
from jupyter_client.manager import start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
ASKED = """
import json, os, sys, random
print(json.dumps({
    "loaded": [n for n in ("numpy", "ibias.optima", "matplotlib.pyplot") if n in sys.modules],
    "left": [n for n in ("ibias.plots", "ibias.frames", "ipywidgets") if n in sys.modules],
    "names": [n for n in globals() if not n.startswith("_")],
    "leads": os.getsid(0) == os.getpid(),
    "parent": [int(os.environ["JPY_PARENT_PID"]), os.getppid()],
    "folder": os.getcwd(), "told": os.environ.get("TOLD"), "path": sys.path, "pid": os.getpid(),
    "chance": [random.random(), sys.modules["numpy"].random.random()],
}))
"""


@pytest.fixture(scope="module", autouse=True)
def closed_in_the_end():
    """One process forks the kernels of all tests here, but for the one that ends it."""
    yield
    warm.Oven.close()


@pytest.fixture
def start():
    """Start a kernel; return it, and what it says of itself."""
    factory, kernels = KernelProvisionerFactory.instance(), []
    before = factory.default_provisioner_name
    warm.register()

    def begin(**given):
        kernel, client = start_new_kernel(**given)
        kernels.append((kernel, client))
        said = []
        client.execute_interactive(ASKED, output_hook=said.append)
        text = "".join(m["content"]["text"] for m in said if m["header"]["msg_type"] == "stream")
        return kernel, json.loads(text)

    yield begin
    for kernel, client in kernels:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    factory.default_provisioner_name = before


def test_each_has_the_libraries_and_nothing_of_another(start, tmp_path):
    first, said = start(cwd=str(tmp_path), env=os.environ | {"TOLD": "once"})
    assert said["loaded"] == ["numpy", "ibias.optima", "matplotlib.pyplot"]
    assert said["left"] == [] and set(said["names"]) <= {
        *("json", "os", "sys", "random", "In", "Out", "get_ipython", "exit", "quit", "open")
    }
    assert said["leads"] and said["parent"] == [warm.Oven.now.process.pid] * 2
    assert said["folder"] == str(tmp_path) and said["told"] == "once"
    assert not [place for place in said["path"] if place.endswith("/tools")]
    assert said["pid"] == first.provisioner.pid and warm.before(first.provisioner) > 0
    _, other = start()
    assert other["told"] is None and other["folder"] == os.getcwd()
    assert not set(other["chance"]) & set(said["chance"])


def test_its_end_is_noticed(start):
    kernel, said = start()
    assert kernel.is_alive()
    os.kill(said["pid"], 9)
    assert kernel.provisioner.process.wait() == -9 and not kernel.is_alive()
    kernel, said = start()
    kernel.shutdown_kernel()
    assert not psutil.pid_exists(said["pid"])


def test_without_the_process_that_forks_its_kernels_end(start):
    kernel, said = start()
    process = psutil.Process(said["pid"])
    warm.Oven.close()
    psutil.wait_procs([process])
    assert not kernel.is_alive()
