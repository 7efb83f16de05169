# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark prints: rows with a ratio, the target of design.md, and what stood behind it."""

from measure import Ratio, median, number

TARGETS = {
    # row: {against: (most or least, factor)}
    "cold store": {"zstd -T0": ("most", 1.5)},
    "cold store, dracut's drivers": {"dracut --zstd": ("least", 40)},
    "cold store, booster's drivers": {"booster": ("least", 1)},
    "nothing changed": {"dracut --zstd": ("least", 2000), "booster": ("least", 40)},
    "one program changed": {"dracut --zstd": ("least", 200), "booster": ("least", 4),
                            "cat + fsync": ("most", 2)},
    "one program changed, blocks shared": {"booster": ("least", 12)},
    "files of a large image": {"zstd -dc": ("most", 1.3), "lsinitrd": ("least", 3)},
    "size after idle, dracut's drivers": {"dracut --zstd": ("most", 0.9)},
    "boot": {"dracut --zstd": ("most", 0.5)},
}


class Table:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def say(self, text=""):
        print(text, flush=True)

    def cost(self, name, samples, note=""):
        """What one contestant took, beside the ratios."""
        self.say("    %-26s %9.1f ms wall %9.1f ms CPU %7.1f MiB  %s" % (
            name, median(samples, "wall") * 1e3, median(samples, "cpu") * 1e3,
            max(sample.peak for sample in samples) / 2**20, note))

    def ratio(self, row, against, ours, theirs):
        """How many times as fast we are; against plain copying and packing, how many times as slow."""
        kind, target = TARGETS.get(row, {}).get(against, (None, None))
        slower = against in ("zstd -T0", "zstd -dc", "cat + fsync")
        ratio = Ratio(ours, theirs) if slower else Ratio(theirs, ours)
        cpu = Ratio(ours, theirs, "cpu") if slower else Ratio(theirs, ours, "cpu")
        text = "%s times as %s as %s, CPU %s" % (ratio, "long" if slower else "fast", against,
                                                number(cpu.median))
        self.verdict(row, against, text, ratio.median, kind, target)

    def boot(self, row, against, ours, theirs):
        """What part of the other's time ours takes. Who emulates is told by the processors' time; the
        clock stands beside it."""
        kind, target = TARGETS.get(row, {}).get(against, (None, None))
        cpu, wall = Ratio(ours, theirs, "cpu"), Ratio(ours, theirs)
        self.verdict(row, against, "CPU %s of what %s takes, wall %s" % (cpu, against, wall),
                     cpu.median, kind, target)

    def verdict(self, row, against, text, value, kind, target):
        good = None
        if kind:
            good = value <= target if kind == "most" else value >= target
            self.missed += not good
            text += "; at %s %s: %s" % (kind, number(target), "reached" if good else "MISSED")
        self.rows.append({"row": row, "against": against, "value": value, "target": target,
                          "reached": good})
        self.say("  " + text)

    def title(self, text):
        self.say()
        self.say(text)

    def end(self):
        self.say("\n%d ratios have a target, %d miss it" % (
            sum(row["target"] is not None for row in self.rows), self.missed))
