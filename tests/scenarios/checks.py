"""What all scenarios need: a Tandem around a job, and a way to fail."""
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
    expect(code == 0, f"Tandem ended with code {code}:\n{tandem.log_text()}")
