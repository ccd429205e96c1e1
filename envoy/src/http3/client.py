"""An HTTP/3 client for tests: reads one JSON command a line, and writes one JSON answer a line.

Header bytes are sent as given, and the caller chooses the connection ID of the first packet, as any client can.
Bytes travel as text, one character for each byte.
"""

import asyncio
import json
import ssl
import sys

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamReset


def fields(pairs):
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


class Client(QuicConnectionProtocol):
    http = None
    ended = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.waiting = {}

    def finish(self, stream, whole):
        if stream in self.waiting:
            answer, done = self.waiting.pop(stream)
            answer["whole"] = whole
            done.set_result(answer)

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        if isinstance(event, ConnectionTerminated):
            self.ended = True
            for stream in list(self.waiting):
                self.finish(stream, False)
        if isinstance(event, StreamReset):
            self.finish(event.stream_id, False)
        for part in self.http.handle_event(event) if self.http else []:
            answer, _ = self.waiting.get(getattr(part, "stream_id", None), (None, None))
            if answer is None:
                continue
            if isinstance(part, HeadersReceived):
                answer["fields"] += [[n.decode("latin-1"), v.decode("latin-1")] for n, v in part.headers]
            elif isinstance(part, DataReceived):
                answer["body"] += part.data.decode("latin-1")
            if getattr(part, "stream_ended", False):
                self.finish(part.stream_id, True)

    def send(self, request):
        answer = {"fields": [], "body": "", "whole": False}
        done = asyncio.get_running_loop().create_future()
        if self.ended:
            done.set_result(answer)
            return done
        stream = self._quic.get_next_available_stream_id()
        body, trailers, reset = request["body"], request["trailers"], request["reset"]
        self.http.send_headers(stream, fields(request["fields"]), not (body or trailers or reset))
        if body:
            self.http.send_data(stream, body.encode("latin-1"), not (trailers or reset))
        if trailers:
            self.http.send_headers(stream, fields(trailers), not reset)
        if reset:
            self._quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            done.set_result(answer)
        else:
            self.waiting[stream] = (answer, done)
        return done


async def connect(command):
    options = QuicConfiguration(is_client=True, alpn_protocols=["h3"], verify_mode=ssl.CERT_NONE)
    options.server_name = command["server_name"]
    if command["certificate"]:
        options.load_cert_chain(command["certificate"], command["key"])
    connection = QuicConnection(configuration=options)
    if command["id"]:
        connection._peer_cid.cid = bytes.fromhex(command["id"])
        connection._original_destination_connection_id = connection._peer_cid.cid
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Client(connection), local_addr=("127.0.0.1", 0)
    )
    client.connect(("127.0.0.1", command["port"]))
    try:
        await asyncio.wait_for(client.wait_connected(), command["seconds"])
    except (asyncio.TimeoutError, ConnectionError):
        transport.close()
        return None
    return client


async def ask(client, command):
    answers = [client.send(request) for request in command["requests"]]
    client.transmit()
    done, _ = await asyncio.wait(answers, timeout=command["seconds"]) if answers else (set(), set())
    return [answer.result() if answer in done else None for answer in answers]


async def ask_alone(command):
    async def one(request):
        client = await connect(command)
        if client is None:
            return None
        [answer] = await ask(client, {"requests": [request], "seconds": command["seconds"]})
        client.close()
        await client.wait_closed()
        return answer

    return await asyncio.gather(*map(one, command["requests"]))


async def main():
    clients = []
    loop = asyncio.get_running_loop()
    # A handshake that was given up fails once more, later.
    loop.set_exception_handler(lambda *_: None)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        match command["do"]:
            case "connect":
                client = await connect(command)
                answer = None
                if client:
                    answer = len(clients)
                    clients.append(client)
            case "ask":
                answer = await ask(clients[command["connection"]], command)
            case "ask_alone":
                answer = await ask_alone(command)
            case "close":
                client, clients[command["connection"]] = clients[command["connection"]], None
                client.close()
                await client.wait_closed()
                answer = None
        print(json.dumps(answer), flush=True)


asyncio.run(main())
