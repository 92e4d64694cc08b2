"""Asks one of the guide's verifiers about tokens: one a line of standard input, as {"token": …}. Answers {"claims": …} or {"refused": why}.

python verify.py verify_pyjwt"""

import importlib
import json
import sys

sys.path.insert(0, "")
guide = importlib.import_module(sys.argv[1])
for line in sys.stdin:
    try:
        answer = {"claims": guide.verify(json.loads(line)["token"])}
    except Exception as error:
        answer = {"refused": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
