# SPDX-License-Identifier: MIT
"""What is installed: the symbols, the libraries it stands on, C and C++ programs out of the tree."""
import re
import subprocess

from conftest import ROOT

SMALL = {"libuv", "libnghttp2", "libprotobuf-c", "libz", "libm", "libc", "libdl", "libpthread", "libgcc_s",
         "ld-linux-x86-64", "ld-linux-aarch64", "libasan", "libubsan"}

CPP = """
#include <cstdio>
#include <pillion/client.h>
static pillion_verdict on_event(void *, pillion_event *event) {
    return pillion_str_is(event->data, "1") ? PILLION_SUCCESS : PILLION_RETRY;
}
int main() {
    pillion_error err;
    pillion_client_settings settings = {};
    settings.http_endpoint = "http://127.0.0.1:1";
    pillion_client *client = pillion_client_new(&settings);
    pillion_app *app = pillion_app_new(nullptr);
    pillion_app_subscribe(app, "pubsub", "t", on_event, nullptr);
    pillion_code code = pillion_finish(pillion_publish(client, "pubsub", "t", pillion_text("1"), nullptr, nullptr), &err);
    std::printf("%s: %s\\n", pillion_code_name(code), err.text);
    pillion_app_free(app);
    pillion_client_free(client);
}
"""


def symbols(*words):
    lines = subprocess.run(["nm", "--defined-only", *words], check=True, text=True, capture_output=True).stdout
    return set(re.findall(r"^[0-9a-f]+ [A-Z] (\S+)$", lines, re.M))


def test_nothing_but_pillion_is_exported(installed):
    declared = set()
    for header in (ROOT / "sdk/c/include/pillion").glob("*.h"):
        declared |= set(re.findall(r"PILLION_API[^;]*?\b(pillion_\w+)\(", header.read_text()))
    assert len(declared) > 60
    assert symbols("-D", installed.lib / "libpillion-client.so") == declared
    archive = {name for name in symbols("-g", installed.lib / "libpillion-client.a") if "asan" not in name}
    assert archive == declared


def test_it_stands_on_small_libraries_only(installed):
    lines = subprocess.run(["objdump", "-p", installed.lib / "libpillion-client.so"], check=True, text=True,
                           capture_output=True).stdout
    assert {name.split(".so")[0] for name in re.findall(r"NEEDED\s+(\S+)", lines)} <= SMALL


def test_a_cpp_program_links_the_archive(installed, tmp_path):
    (tmp_path / "program.cc").write_text(CPP)
    program = installed.compile(tmp_path / "program.cc", tmp_path / "program", static=True, compiler="c++",
                                flags=("-std=c++11", "-Wno-missing-field-initializers"))
    done = subprocess.run([program], text=True, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Unavailable: ") and "refused" in done.stdout
    needed = subprocess.run(["objdump", "-p", program], text=True, capture_output=True).stdout
    assert "pillion" not in needed


def test_the_reference_is_fresh(tmp_path):
    subprocess.run([ROOT / "scripts/c_reference.py", tmp_path / "out.md"], check=True)
    assert (tmp_path / "out.md").read_text() == (ROOT / "docs/reference/c-client.md").read_text(), "./dev docs"


def test_the_readme_shows_programs_of_the_page():
    """Those of the page are compiled and run."""
    page, readme = (ROOT / "docs/c-client.md").read_text(), (ROOT / "README.md").read_text()
    shown = re.findall(r"^```c\n.*?^```", readme, re.M | re.S)
    assert [re.search(r"/\* (\w+)\.c", one)[1] for one in shown] == ["publish", "subscribe"]
    assert all(one in page for one in shown)


def test_the_pages_programs_are_short(installed):
    page = (ROOT / "docs/c-client.md").read_text()

    def statements(name):
        text = re.search(rf"^/\* {name}\.c \*/\n(.*?)^```", page, re.M | re.S).group(1)
        return [line for line in text.splitlines() if line.strip() not in ("", "{", "}")]

    assert len(statements("publish")) <= 10
    assert len(statements("subscribe")) <= 20
