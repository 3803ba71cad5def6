type Props = { name: string };

/** Greets. */
export function Hello({ name }: Props) {
  return <p className="hello">Hello, {name}</p>;
}
