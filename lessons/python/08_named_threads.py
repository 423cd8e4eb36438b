"""Lesson 08: four named threads, started one after the other."""

import argparse
import sys
import threading
import time

NAMES = ["north", "east", "south", "north-north-west"]


def say(text):
    """Prints one line, written whole, with the thread's name before it."""
    name = threading.current_thread().name
    line = f"{'':6}   {text}\n" if name == "MainThread" else f"{name:6} | {text}\n"
    sys.stdout.write(line)
    sys.stdout.flush()


# [start]
def start(work, fail):
    threads = []
    for name in NAMES:
        if threads:
            time.sleep(work * 0.9)  # the previous one still works
        say(f"starts {name}")
        thread = threading.Thread(target=task, args=(work, name == fail), name=name)
        thread.start()
        threads.append(thread)
    return threads
# [/start]


def join(threads):
    for thread in threads:
        thread.join()
        say(f"joined {thread.name}")


# [task]
def task(work, fails):
    say(f"begins; the system calls it {name_outside()}")
    time.sleep(work)  # stands for work
    assert not fails, "no wind"
    say("ends")
# [/task]


def name_outside():
    """The current thread's name as other programs see it, where Linux shows it."""
    try:
        with open("/proc/thread-self/comm") as file:
            return file.read().rstrip()
    except OSError:
        return "nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=int, default=250, metavar="MS")
    parser.add_argument("--last-first", action="store_true")
    parser.add_argument("--fail", metavar="NAME", choices=NAMES)
    args = parser.parse_args()
    threads = start(args.work / 1000, args.fail)
    join(reversed(threads) if args.last_first else threads)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
