"""Print what every page of the built site weighs, compressed, when it is opened first."""

from browser import chromium, kind, pages, served, visit, weight


def main() -> None:
    """Open every page with an empty cache, and add up what it loads."""
    print(f"{'KB':>6} {'html':>6} {'fonts':>6} {'images':>6} {'scripts':>7} {'styles':>6}  page")
    with served() as address, chromium() as browser:
        for path in pages():
            context = browser.new_context()
            page = visit(context, f"{address}/{path}")
            sizes: dict[str, int] = {}
            for response in page.responses:
                name = response.request.resource_type
                sizes[name] = sizes.get(name, 0) + weight(response)
            columns = [sum(sizes.values())]
            columns += [sizes.get(n, 0) for n in ("document", "font", "image", "script")]
            text = " ".join(f"{size / 1000:6.0f}" for size in columns)
            print(f"{text}  {sizes.get('stylesheet', 0) / 1000:6.0f}  {path} ({kind(page)})")
            context.close()


if __name__ == "__main__":
    main()
