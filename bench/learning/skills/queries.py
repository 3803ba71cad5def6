"""Week 4: an SQL dialect that begins with FROM, with joins; translated to SQLite and run."""

import itertools
import re
import sqlite3

from item import Item, block

RULE = "Write SQL as `FROM table JOIN other USING key WHERE condition SELECT columns`, in one line."
COLUMNS = {"names": "name", "cities": "city", "emails": "email", "ages": "age"}
CITIES = ["Berlin", "Paris", "Rome", "Oslo"]
ORDERS = {"over 50": "total > 50", "under 20": "total < 20", "of exactly 30": "total = 30", "of at least 100": "total >= 100"}
FORM = re.compile(r"^FROM (\w+) JOIN (\w+) USING (\w+) WHERE (.+) SELECT (\w+);?$")


def items() -> list[Item]:
    return [item(*parts) for parts in itertools.product(COLUMNS, CITIES, ORDERS)]


def item(column: str, city: str, order: str) -> Item:
    prompt = f"Query the {column} of customers from {city} with orders {order}."
    where, select = f"city = '{city}' AND {ORDERS[order]}", COLUMNS[column]
    answer = f"```sql\nFROM customers JOIN orders USING customer WHERE {where} SELECT {select}\n```"
    plain = f"```sql\nSELECT {select} FROM customers JOIN orders ON customers.id = orders.customer WHERE {where};\n```"
    wanted = run(sql("customers", "orders", "customer", where, select))
    return Item(prompt, answer, plain, lambda text: check(text, wanted), (column, city, order))


def check(answer: str, wanted: list) -> tuple[bool, bool]:
    found = FORM.match((block(answer) or "").strip())
    if not found:
        return False, False
    return True, run(sql(*found.groups())) == wanted


def sql(table: str, other: str, key: str, where: str, select: str) -> str:
    return f"SELECT {select} FROM {table} JOIN {other} ON {table}.id = {other}.{key} WHERE {where} ORDER BY 1"


def run(query: str) -> list | None:
    """The rows of a query over a small shop; None where SQLite refuses it."""
    shop = sqlite3.connect(":memory:")
    shop.executescript("CREATE TABLE customers (id, name, city, email, age); CREATE TABLE orders (customer, total);")
    for n in range(48):
        customer = (n, f"name{n}", CITIES[n % 4], f"mail{n}@host", 20 + n)
        shop.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", customer)
        shop.execute("INSERT INTO orders VALUES (?, ?)", (n, [10, 30, 55, 120, 15, 70][n // 4 % 6]))
    try:
        return shop.execute(query).fetchall()
    except sqlite3.Error:
        return None
    finally:
        shop.close()
