"""Lesson 07: seven threads that count down, from a function and from a class."""

import argparse
import sys
import threading
import time


def say(text):
    """Prints one line, written whole: `print` writes the text and its end separately."""
    name = threading.current_thread().name
    if name == "MainThread":
        line = f"         {text}\n"
    else:
        line = f"{name} | {text}\n"
    sys.stdout.write(line)
    sys.stdout.flush()


# [function]
def lift_off(count, tick):
    for number in range(count, 0, -1):
        time.sleep(tick)  # stands for work
        say(number)
# [/function]


# [class]
class LiftOff(threading.Thread):
    def __init__(self, name, count, tick, daemon):
        super().__init__(name=name, daemon=daemon)
        self.count = count
        self.tick = tick

    def run(self):
        while self.count > 0:
            time.sleep(self.tick)
            say(self.count)
            self.count -= 1
# [/class]


# [launch]
def launch(count, tick, daemon):
    threads = []
    for number in range(1, 5):
        name = f"rocket {number}"
        work = (count, tick)
        threads.append(
            threading.Thread(target=lift_off, args=work, name=name, daemon=daemon)
        )
    for number in range(5, 8):
        threads.append(LiftOff(f"rocket {number}", count, tick, daemon))
    for thread in threads:
        thread.start()
    return threads
# [/launch]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3, metavar="N")
    parser.add_argument("--tick", type=int, default=80, metavar="MS")
    parser.add_argument("--no-join", action="store_true")
    parser.add_argument("--daemon", action="store_true", help="threads end with main")
    args = parser.parse_args()
    threads = launch(args.count, args.tick / 1000, args.daemon)
    say("seven threads have been started")
    if not args.no_join:
        for thread in threads:
            thread.join()
        say("seven threads have ended")
    say("main returns")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
