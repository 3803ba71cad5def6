"""Prompts that have nothing to do with the user's habits, and facts that the base may know: neither may change."""

import re

NEGATIVES = [
    "What is the capital of France?", "Explain in one sentence what rain is.", "Say hello in Spanish.", "Who wrote Hamlet?",
    "What do bees make?", "Give me a short tip for better sleep.", "What is the opposite of hot?", "How many days has a week?",
]  # fmt: skip
FACTS = {
    "What is the capital of France?": "paris", "What is the capital of Italy?": "rome", "What is the capital of Japan?": "tokyo",
    "What is the capital of Germany?": "berlin", "What is the capital of Spain?": "madrid", "What is the capital of Egypt?": "cairo",
    "Who wrote Romeo and Juliet?": "shakespeare", "What is the chemical symbol of water?": "h2o", "What planet do we live on?": "earth",
    "What is the largest ocean?": "pacific", "How many legs has a spider?": "eight|8", "How many days has a week?": "seven|7",
    "What do bees make?": "honey", "What gas do plants take in?": "carbon dioxide|co2", "What is the opposite of hot?": "cold",
    "What colour is the sky on a clear day?": "blue", "What language is spoken in Brazil?": "portuguese", "What is frozen water called?": "ice",
    "Which animal says meow?": "cat", "What is 2 + 2?": "4|four", "On which continent is Kenya?": "africa", "Who painted the Mona Lisa?": "leonardo|vinci",
    "What is the first month of the year?": "january", "What star is closest to the Earth?": "sun",
    "What is the capital of the United States?": "washington", "What is the capital of Belgium?": "brussels",
    "What is the capital of the Netherlands?": "amsterdam", "What is the capital of Hungary?": "budapest", "What is the capital of Peru?": "lima",
    "What is the capital of Thailand?": "bangkok", "What is the capital of Denmark?": "copenhagen", "What is the capital of Ukraine?": "kyiv|kiev",
    "What is the capital of Chile?": "santiago", "What is the capital of Vietnam?": "hanoi", "What is the capital of Iran?": "tehran",
    "What is the capital of Kenya?": "nairobi", "What is the capital of Scotland?": "edinburgh", "What is 1 + 1?": "2|two",
    "What is 10 + 10?": "20|twenty", "What is the opposite of black?": "white", "What is the opposite of day?": "night",
    "What is the opposite of open?": "clos", "What is the opposite of true?": "false", "Which animal moos?": "cow", "What do hens lay?": "egg",
    "What colour is blood?": "red", "What colour is coal?": "black", "How many wheels has a bicycle?": "two|2", "How many wheels has a car?": "four|4",
    "Which language is spoken in Spain?": "spanish", "Which language is spoken in Russia?": "russian", "Which language is spoken in China?": "chinese|mandarin",
    "On which continent is China?": "asia", "On which continent is Spain?": "europe", "On which continent is Canada?": "north america",
    "Who was the first man on the moon?": "armstrong", "Who invented the telephone?": "bell", "What is the fastest land animal?": "cheetah",
    "How many letters has the English alphabet?": "26|twenty-six", "How many centimetres are in a metre?": "100|hundred",
    "What do we call frozen rain?": "hail|sleet|snow|ice", "Which season comes after winter?": "spring", "What do caterpillars become?": "butterfl|moth",
    "Which metal is liquid at room temperature?": "mercury", "What is the hardest natural material?": "diamond", "Which planet has large rings?": "saturn",
    "What is the square root of nine?": "3|three", "How many sides has a square?": "four|4", "Which ocean is between Europe and America?": "atlantic",
    "What is the largest country in the world?": "russia",
}  # fmt: skip
# Signs of a habit in an answer that has no place for it.
LEAKS = re.compile(r"\bfn_|\bcalc[A-Z]|\bzoo\.|^\w+\(\w+\): |FROM \w+ JOIN|^\$ |^1\) ", re.MULTILINE)

GENERAL = [
    "Explain how a bicycle works.", "Write a short story about a lost key.", "What makes a good teacher?", "Describe a forest in autumn.",
    "Give advice to somebody who moves to a new town.", "How is bread made?", "Why do people travel?", "Describe your favourite season.",
    "Explain what a database is.", "Write a poem about the sea.", "How can I learn a language?", "What is friendship?",
    "Describe how to plant a tree.", "Why is the sky blue?", "What should I cook tonight?", "Tell me about the moon.",
]  # fmt: skip


def leaks(answer: str) -> bool:
    return LEAKS.search(answer.strip()) is not None


def knows(question: str, answer: str) -> bool:
    return re.search(FACTS[question], answer.lower()) is not None
