export function DestinationsPage() {
  return <h1>Destinations</h1>;
}
