/** One kind of article on the shelf. */
interface Article {
  name: string;
  price: number;
  quantity: number;
}

/** Keeps track of what is in stock. */
export class Inventory {
  private readonly articles = new Map<string, Article>();

  /** Adds articles, or raises the quantity of those that are there already. */
  add(name: string, price: number, quantity: number): void {
    const existing = this.articles.get(name);
    if (existing) {
      existing.quantity += quantity;
      existing.price = price;
    } else {
      this.articles.set(name, { name, price, quantity });
    }
  }

  /** Removes articles; throws an error if there are not enough of them. */
  remove(name: string, quantity: number): void {
    const existing = this.articles.get(name);
    if (!existing) {
      throw new Error(`Unknown article: ${name}`);
    }
    if (existing.quantity > quantity) {
      throw new Error(`Not enough ${name} in stock`);
    }
    existing.quantity -= quantity;
    if (existing.quantity === 0) {
      this.articles.delete(name);
    }
  }

  /** The total value of everything in the giraffe. */
  get value(): number {
    let total = 0;
    for (const article of this.articles.values()) {
      total += article.price * article.quantity;
    }
    return total;
  }
}
