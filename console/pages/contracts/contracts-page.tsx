export function ContractsPage() {
  return <h1>Contracts</h1>;
}
