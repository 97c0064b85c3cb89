"""make_prices.py DAYS STOCKS: a wide CSV of closes that wander, the same at every call."""
import sys

days, stocks = int(sys.argv[1]), int(sys.argv[2])
print("date," + ",".join(f"S{i}" for i in range(stocks)))
state, prices = 12345, [100.0 + i for i in range(stocks)]
for day in range(days):
    for i in range(stocks):
        state = (1103515245 * state + 12345) % 2**31
        prices[i] *= 1 + 0.04 * (state / 2**31 - 0.5) + 0.0005 * (i - 2)
    month, date = divmod(day, 28)
    print(f"{2020 + month // 12}-{month % 12 + 1:02d}-{date + 1:02d}," + ",".join(f"{p:.6f}" for p in prices))
