using System;

namespace Shop
{
    /// <summary>What is in a basket.</summary>
    public class Basket
    {
        private readonly List<Item> items = new();

        /// <summary>The price of everything with tax.</summary>
        public decimal Total => items.Sum(item => item.Price) * 1.19m;

        /// <summary>Adds an item unless it is sold out, in which case the customer is told which one it was.</summary>
        public void Add(Item item)
        {
            if (item.Stock == 0)
            {
                throw new InvalidOperationException($"{item.Name} is sold out: remove it from the page first");
            }
            item.Stock -= 1;
            items.Add(item);
            Changed?.Invoke(this, EventArgs.Empty);
        }

        public void Clear()
        {
            foreach (var item in items)
            {
                item.Stock += 1;
            }
            items.Clear();
            Changed?.Invoke(this, EventArgs.Empty);
        }
    }
}
