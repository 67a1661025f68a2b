"""The device of a run, from torch in a short-lived process: the parent of a run imports no torch."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

from layover.devices import DeviceFacts, examine
from layover.engine import alone, server
from layover.errors import LayoverError, ModelError, NodeError, StoppedError
from layover.stopping import KEPT, held, requested

POLL_SECONDS = 0.05


def examined(wanted: str) -> DeviceFacts:
    """Return the facts of the device for `auto`, `cpu`, `cuda` or `mps`, as torch sees it in the workers of a run.

    The process is forked from the fork server, which the run needs in any case and which has imported torch. A GPU that
    it uses is free again when it ends.

    Raises:
        ModelError: torch cannot use the device.
        NodeError: the process cannot be started, or has ended without an answer.
        StoppedError: there was a request to end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(server.PRELOADED)
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(wanted, sending), daemon=True)
    with held():
        if not server.begin(process, alone=True):
            raise StoppedError(f"stopped; {KEPT}")
        sending.close()
        while not receiving.poll(POLL_SECONDS):
            if requested():
                process.kill()
                raise StoppedError(f"stopped; {KEPT}")
        try:
            facts: DeviceFacts | str = receiving.recv()
        except EOFError:
            process.join()
            raise NodeError(
                f"the process that asks torch for the device ended with exit code {process.exitcode}; run again with "
                "run.device=cpu, or see whether `layover doctor` finds the device"
            ) from None
        process.join()
    if isinstance(facts, str):
        raise ModelError(facts)
    return facts


def _answer(wanted: str, sending: Connection) -> None:
    """Send the facts of a device, or the reason why there are none; end with the parent, like a worker."""
    alone.prepare()
    try:
        sending.send(examine(wanted))
    except LayoverError as error:
        sending.send(str(error))
    except RuntimeError as error:  # torch finds a device that it then cannot use, such as a card of another process
        first = str(error).partition("\n")[0]
        sending.send(f"run.device: {wanted}: torch cannot use this device: {first}; use run.device=cpu")
    sending.close()
