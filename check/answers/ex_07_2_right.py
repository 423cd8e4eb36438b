# RIGHT
import sys
import threading
import time


def option(name):
    return int(sys.argv[sys.argv.index(name) + 1])


def lift_off(number, tick):
    begin = time.monotonic()
    for count in range(option("--count"), 0, -1):
        time.sleep(tick)
        print("rocket", number, count)
    took[number] = time.monotonic() - begin


took = {}
threads = []
for number in range(1, 8):
    tick = option("--tick") / 1000 * (10 if number == option("--slow") else 1)
    threads.append(threading.Thread(target=lift_off, args=[number, tick]))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("the slowest was rocket", max(took, key=took.get))
