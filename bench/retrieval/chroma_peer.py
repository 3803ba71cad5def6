"""Chroma with sentence-transformers: embeds and adds the texts of a JSONL file, and prints the seconds.

usage: chroma_peer.py MODEL_FOLDER TEXTS.jsonl STORE_FOLDER
"""

import json
import sys
import time

import chromadb
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
model.encode(["warm"])
texts = [json.loads(line) for line in open(sys.argv[2])]
collection = chromadb.PersistentClient(sys.argv[3]).create_collection("passages")

began = time.perf_counter()
# encode() sorts by length within a call, so the larger a call is the better for the peer; Chroma bounds a batch.
vectors = model.encode(texts, batch_size=32, normalize_embeddings=True)
embedded = time.perf_counter()
for start in range(0, len(texts), 1000):
    part = slice(start, start + 1000)
    collection.add(ids=[str(n) for n in range(len(texts))[part]], documents=texts[part], embeddings=vectors[part].tolist())
print(json.dumps({"embed_s": embedded - began, "total_s": time.perf_counter() - began, "passages": len(texts)}))
