"""Other ends of alerts: a webhook receiver that checks the signature by the official library and the body by a schema, and a
real mail server with STARTTLS. Each writes what came to a file: one JSON object a line.

    ends.py DIRECTORY SECRET     writes DIRECTORY/ports ("HTTP SMTP"), hooks.jsonl, mails.jsonl; certificate.pem and key.pem
                                 must be there
"""

import json
import pathlib
import socket
import ssl
import sys
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema
from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook

# Of the specification's schema (cloudevents/formats/cloudevents.json) what concerns events with JSON in them.
SCHEMA = {
    "type": "object",
    "required": ["id", "source", "specversion", "type", "time", "data"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "pattern": "^rmdd\\."},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
    },
    "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
}

directory = pathlib.Path(sys.argv[1])
webhook = Webhook(sys.argv[2])


def write(name, what):
    with open(directory / name, "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        event, fault = {}, None
        try:
            webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
            event = json.loads(body)
            jsonschema.validate(event, SCHEMA, format_checker=jsonschema.FormatChecker())
        except Exception as error:
            fault = repr(error)
        write("hooks.jsonl", {"fault": fault, "event": event})
        self.send_response(400 if fault else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Mailbox:
    async def handle_DATA(self, _server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        headers = {name.lower(): str(value) for name, value in mail.items()}
        write("mails.jsonl", {"tls": session.ssl is not None, "to": envelope.rcpt_tos, "headers": headers, "parts": parts})
        return "250 taken"


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
mail = Controller(Mailbox(), hostname="127.0.0.1", port=0, tls_context=tls, require_starttls=True)
# The controller asks its own port whether it answers: it must know it.
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    mail.port = free.getsockname()[1]
mail.start()
http = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
(directory / "ports.new").write_text(f"{http.server_port} {mail.port}\n")
(directory / "ports.new").rename(directory / "ports")
threading.Thread(target=http.serve_forever, daemon=True).start()
threading.Event().wait()
