"""What all scenarios need: a Tandem around a job, and a way to fail."""
import contextlib
import os

import lab_tools

FOLDER = "/run/tandem-lab/scenarios"


class Failed(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failed(text)


def with_tandem(build, job, **settings):
    tandem = lab_tools.Tandem(build, FOLDER, **settings)
    tandem.start()
    try:
        job(tandem)
    finally:
        lab_tools.Sipp.stop_all()
        code = tandem.stop()
        # What the job has edited would stay for the next one.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{FOLDER}/state/edits.json")
    expect(code == 0, f"Tandem ended with code {code}:\n{tandem.log_text()}")
