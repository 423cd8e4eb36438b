# RIGHT
import sys
import threading
import time

NAMES = ["north", "east", "south", "north-north-west"]
WORK = int(sys.argv[sys.argv.index("--work") + 1]) / 1000


class Task(threading.Thread):
    def run(self):
        try:
            print(f"{self.name} | begins")
            time.sleep(WORK)
            if self.name in sys.argv:
                raise RuntimeError("no wind")
            print(f"{self.name} | ends")
        except RuntimeError:
            self.panicked = True
        finally:
            self.done.set()


threads = []
for name in NAMES:
    print("starts", name)
    thread = Task(name=name)
    thread.done, thread.panicked = threading.Event(), False
    thread.start()
    thread.done.wait()
    threads.append(thread)
for thread in reversed(threads) if "--last-first" in sys.argv else threads:
    thread.join()
    print(f"joined {thread.name}" + (", which panicked" if thread.panicked else ""))
