#!/usr/bin/env python3
"""Asks rmdd over gRPC whether calls may be accepted.

    pip install -r requirements.txt
    python client.py 0020237343 RMD0001410 TG-Acme-1 --role gateway
    python client.py --emergency TG-Acme-1
    python client.py --target unix:/run/rmdd/rmdd.sock RMD0001410

The messages are made from the protos when it starts, so there is nothing to generate and nothing to keep. The class Rmdd is
what to copy; keep one for as long as your program runs, since it holds the connection.
"""

import argparse
import importlib
import importlib.resources
import pathlib
import sys
import tempfile

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def messages(proto=PROTO):
    """The modules of acceptance.proto: its messages and its client."""
    files = [str(path) for path in sorted((proto / "rmdd/v1").glob("*.proto"))]
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as made:
        ways = [f"-I{proto}", f"-I{well_known}", f"--python_out={made}", f"--grpc_python_out={made}"]
        if protoc.main(["protoc", *ways, *files]) != 0:
            raise RuntimeError(f"the protos in {proto} cannot be read")
        sys.path.insert(0, made)
        made = [importlib.import_module(f"rmdd.v1.acceptance_{name}") for name in ("pb2", "pb2_grpc")]
        sys.path.pop(0)
        return made


pb, pb_grpc = messages()


class NoVerdict(Exception):
    """rmdd did not say whether calls may be accepted: what was asked makes no sense, or it cannot say now."""

    def __init__(self, reason, message):
        super().__init__(f"{reason}: {message}")
        self.reason = reason


class Rmdd:
    """A connection to rmdd. Threads may share it."""

    def __init__(self, target="127.0.0.1:7633", timeout=0.5):
        # Seconds that a call may wait. rmdd answers within a millisecond; this is for when it hangs.
        self.timeout = timeout
        options = [("grpc.keepalive_time_ms", 60_000)]
        if target.startswith("unix"):
            # Else the socket's path is sent as the authority, which HTTP/2 does not allow: RST_STREAM, PROTOCOL_ERROR.
            options.append(("grpc.default_authority", "localhost"))
        self.channel = grpc.insecure_channel(target, options)
        self.acceptance = pb_grpc.AcceptanceServiceStub(self.channel)

    def check(self, emergency=False, role="", **question):
        """The answer about frn=, rmd_number=, ocn= or peer=; also caller_id= as the switch has it, and detail=pb.ANSWER_DETAIL_FULL for a sentence
        and the filing. A call to 911 is never refused, whatever becomes of the question: do not even look at the answer."""
        role = f"PROVIDER_ROLE_{(role or 'unspecified').upper()}"
        request = pb.CheckProviderRequest(emergency=emergency, role=role, **question)
        try:
            return self.acceptance.CheckProvider(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise NoVerdict(reason_of(error), error.details()) from None


def reason_of(error):
    """The word to act on: of the ErrorInfo if rmdd answered, else gRPC's own."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return error.code().name


def question(who):
    """By which number or name a text names a provider. Whoever knows which it is says so instead."""
    if who.upper().startswith("RMD"):
        return {"rmd_number": who}
    return {"frn": who} if who.replace("-", "").isdigit() and len(who) >= 10 else {"peer": who}


def main():
    parser = argparse.ArgumentParser(description="Asks rmdd whether calls may be accepted.")
    parser.add_argument("who", nargs="+", help="an FRN of ten digits, an RMD number, or a peer's name")
    parser.add_argument("--role", default="", choices=["", "voice_service", "gateway", "non_gateway_intermediate"])
    parser.add_argument("--caller-id", default="")
    parser.add_argument("--emergency", action="store_true")
    parser.add_argument("--target", default="127.0.0.1:7633", help="ADDRESS:PORT or unix:PATH")
    options = parser.parse_args()
    rmdd = Rmdd(options.target)
    refused = failed = False
    for who in options.who:
        try:
            answer = rmdd.check(
                emergency=options.emergency,
                role=options.role,
                caller_id=options.caller_id,
                detail=pb.ANSWER_DETAIL_FULL,
                **question(who),
            )
        except NoVerdict as problem:
            failed = True
            print(f"{who}: no verdict: {problem}")
            continue
        accept = answer.verdict == pb.VERDICT_ACCEPT
        refused = refused or not accept
        reason = pb.Reason.Name(answer.reason).removeprefix("REASON_")
        print(f"{who}: {'ACCEPT' if accept else 'REFUSE'} {reason}: {answer.message}")
    return 2 if failed else 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
