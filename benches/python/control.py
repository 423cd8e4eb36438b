"""How the harness talks to a server process, see src/servers/control.rs."""

import os
import sys
import threading
import time


def arguments():
    """The class's name, the backlog, the task; pins to a core if told to."""
    name, backlog, _connections, task, core = sys.argv[1:]
    if core != "-":
        os.sched_setaffinity(0, {int(core)})
    return name, None if backlog == "-" else int(backlog), task


def serve(server):
    def obey():
        for line in sys.stdin:
            if line == "cpu\n":
                print("cpu", time.process_time_ns(), flush=True)
            elif line == "stop\n":
                begin = time.perf_counter_ns()
                server.shutdown()
                server.server_close()
                print("stopped", time.perf_counter_ns() - begin, 0, flush=True)
        os._exit(0)

    host, port = server.server_address
    print(f"listening {host}:{port}", flush=True)
    threading.Thread(target=obey, daemon=True).start()
    server.serve_forever()
    threading.Event().wait(10)  # `obey` ends the program
