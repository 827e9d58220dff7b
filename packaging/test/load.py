"""Asks over HTTP on kept connections and on new ones until the file that is named exists, and says how many requests failed."""

import http.client
import os
import sys
import threading
import time

PATH = "/v1/check/RMD0001410?format=text"
until = sys.argv[1]
failed, asked, slowest = [], 0, 0.0
lock = threading.Lock()


def request(connection):
    connection.request("GET", PATH)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or not body.startswith(b"ACCEPT LISTED"):
        raise ValueError(f"{response.status} {body[:60]!r}")
    return response.will_close


def ask(keeps):
    global asked, slowest
    connection = None
    while not os.path.exists(until):
        began = time.monotonic()
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", 7634, timeout=60)
                closes = request(connection)
            else:
                try:
                    closes = request(connection)
                except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                    # Closed while it was idle, before the request was taken: every client asks again.
                    connection = http.client.HTTPConnection("127.0.0.1", 7634, timeout=60)
                    closes = request(connection)
            if closes or not keeps:
                connection.close()
                connection = None
        except Exception as error:  # noqa: BLE001
            with lock:
                failed.append(repr(error))
            connection = None
        with lock:
            asked += 1
            slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)


threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{asked} requests, {len(failed)} failed, the slowest took {slowest:.2f} s {failed[:3]}")
sys.exit(1 if failed or not asked else 0)
