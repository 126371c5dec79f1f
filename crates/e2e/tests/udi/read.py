"""Reads barcodes with biip, for the test that compares its answers with ours. A list of texts in, a list of answers out."""

import json
import sys

import biip
from biip.gs1_messages import GS1Message


def read(text):
    try:
        if text.startswith("("):
            message = GS1Message.parse_hri(text)
        else:
            result = biip.parse(text)
            message = result.gs1_message
            if message is None:
                return None
    except (biip.ParseError, ValueError):
        return None
    fields = {}
    for element in message.element_strings:
        if element.gtin_error:
            return None
        fields[element.ai.ai] = element.value
    if "01" not in fields:
        return None
    return {ai: fields[ai] for ai in ("01", "10", "11", "17", "21") if ai in fields}


json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
