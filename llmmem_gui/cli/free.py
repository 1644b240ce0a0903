"""`llmmem free`: has other programs give memory back, or frees everything."""

from __future__ import annotations

from argparse import Namespace
from urllib.parse import quote

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.failures import WrongUsage
from llmmem_gui.cli.models import write_receipts
from llmmem_gui.cli.neighbours import PATH
from llmmem_gui.cli.output import harmless, size, write_json
from llmmem_gui.core.units import format_duration
from llmmem_gui.service.http.control_records import ReceiptEntry
from llmmem_gui.service.http.neighbour_records import NeighbourReceiptEntry


def free(options: Namespace) -> None:
    """Have another program give memory back, or free everything."""
    if options.everything == (options.program is not None):
        raise WrongUsage("Name either a PROGRAM (`llmmem ps --all` lists them) or --everything.")
    client = connect()
    if options.everything:
        if options.end_process:
            raise WrongUsage("Name the PROGRAM whose process is to end.")
        ours = client.request("POST", "/api/v1/unload", gives=list[ReceiptEntry])
        theirs = client.request("POST", f"{PATH}/unload", gives=list[NeighbourReceiptEntry])
        if options.json:
            write_json({"models": ours, "neighbours": theirs})
            return
        write_receipts(ours, options)
        _write_receipts(theirs)
        return
    body = {"model": options.its_model, "end_process": options.end_process}
    path = f"{PATH}/{quote(options.program, safe='')}/unload"
    receipt = client.request("POST", path, body, gives=NeighbourReceiptEntry)
    if options.json:
        write_json(receipt)
    else:
        _write_receipts([receipt])


def _write_receipts(receipts: list[NeighbourReceiptEntry]) -> None:
    for receipt in receipts:
        did = "has ended" if receipt.ended else f"unloaded {receipt.model or 'all it held'}"
        back = f"{size(receipt.given_back_bytes)} and {size(receipt.weights_bytes)} of weights"
        took = format_duration(receipt.seconds)
        print(f"{receipt.program} {harmless(did, newlines=False)}: {back} given back in {took}.")
