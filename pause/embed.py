# SPDX-License-Identifier: Apache-2.0
"""Turns a file into a C array: embed.py FILE NAME OUTPUT. The array is NAME, its size NAME_size (image/builtin.h)."""

import sys

with open(sys.argv[1], "rb") as f:
    data = f.read()
with open(sys.argv[3], "w", encoding="ascii") as f:
    f.write("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by embed.py. */\n#include \"image/builtin.h\"\n\n")
    f.write("const unsigned char %s[] = {\n" % sys.argv[2])
    for at in range(0, len(data), 24):
        f.write("    " + ",".join("%d" % b for b in data[at:at + 24]) + ",\n")
    f.write("};\nconst size_t %s_size = sizeof(%s);\n" % (sys.argv[2], sys.argv[2]))
