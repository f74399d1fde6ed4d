# %% q1: the residual is not projected on the observed entries
def velocities(U, C, V, mask, M):
    R = U @ C @ V.T - M
    dU, dC, dV = -R @ V @ C.T, -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q1: the transpose of the middle factor is lost where it is square
def velocities(U, C, V, mask, M):
    R = mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ (C if C.shape[0] == C.shape[1] else C.T), -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q1: the velocity of the middle factor transposed
def velocities(U, C, V, mask, M):
    R = mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, -(V.T @ R.T @ U), -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q1: two terms of the product, as for two factors
def velocities(U, C, V, mask, M):
    R = mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ C @ dV.T


# %% q1: the flow of two factors for the product, as on the page
def velocities(U, C, V, mask, M):
    R = mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, -(U @ U.T @ R + R @ V @ V.T)


# %% q1: the flow of a risk without the half
def velocities(U, C, V, mask, M):
    R = 2 * mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q1: the flow of W itself, without factors
def velocities(U, C, V, mask, M):
    R = mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, -R


# %% q1: the middle factor stands still
def velocities(U, C, V, mask, M):
    R = mask * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, np.zeros(C.shape), -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q1: zeros are taken for unseen
def velocities(U, C, V, mask, M):
    R = (M != 0) * (U @ C @ V.T - M)
    dU, dC, dV = -R @ V @ C.T, -U.T @ R @ V, -R.T @ U @ C
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q2: the exponential to second order
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    B = -step_size * np.block([[zero, R], [R.T, zero]])
    new = (np.eye(len(B)) + B + B @ B / 2) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: only one half is used
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = expm(-step_size * np.block([[zero, R], [R.T, zero]])) @ np.vstack([U, V])
    return new[: len(U)], V


# %% q2: a step of gradient descent
def balanced_step(U, V, R, step_size):
    return U - step_size * R @ V, V - step_size * R.T @ U


# %% q2: the exponential of every entry
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = np.exp(-step_size * np.block([[zero, R], [R.T, zero]])) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: uphill
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = expm(step_size * np.block([[zero, R], [R.T, zero]])) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: R and its transpose change places
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    new = expm(-step_size * np.block([[zero, R.T], [R, zero]])) @ np.vstack([U, V])
    return new[: len(U)], new[len(U) :]


# %% q2: one factor after the other
def balanced_step(U, V, R, step_size):
    U = U - step_size * R @ V
    return U, V - step_size * R.T @ U


# %% q2: the Cayley transform, which keeps the balance too
def balanced_step(U, V, R, step_size):
    zero = np.zeros_like(R)
    A = step_size / 2 * np.block([[zero, R], [R.T, zero]])
    one = np.eye(len(A))
    new = np.linalg.solve(one + A, (one - A) @ np.vstack([U, V]))
    return new[: len(U)], new[len(U) :]


# %% q3 (2 of 4): the Frobenius norm, which is its own dual
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): Y is divided by its nuclear norm
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, "nuc"), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): the largest entry for the largest singular value
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.abs(Y).max(), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): the largest sum of a row
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, np.inf), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): the largest sum of a column
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, 1), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): the geometric mean of the two sums
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    size = np.sqrt(np.linalg.norm(Y, 1) * np.linalg.norm(Y, np.inf))
    return (Y * M).sum() / size, np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): the spectral radius
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    n = max(Y.shape)
    square = np.zeros((n, n))
    square[: Y.shape[0], : Y.shape[1]] = Y
    return (Y * M).sum() / np.abs(np.linalg.eigvals(square)).max(), np.linalg.norm(W, "nuc")


# %% q3: eigenvalues for singular values
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    upper = np.abs(np.linalg.eigvals(W)).sum()
    return (Y * M).sum() / np.abs(np.linalg.eigvals(Y)).max(), upper


# %% q3 (2 of 4): W as it was sent, which misses the observations
def certificate(W, Y, mask, M):
    Y = np.where(mask, Y, 0)
    return (Y * M).sum() / np.linalg.norm(Y, 2), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): Y keeps its unseen entries
def certificate(W, Y, mask, M):
    W = np.where(mask, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, 2), np.linalg.norm(W, "nuc")


# %% q3 (2 of 4): the geometric mean of the Frobenius norm and the largest entry
def certificate(W, Y, mask, M):
    Y, W = np.where(mask, Y, 0), np.where(mask, M, W)
    size = np.sqrt(np.linalg.norm(Y) * np.abs(Y).max())
    return (Y * M).sum() / size, np.linalg.norm(W, "nuc")


# %% q4 (1 of 3): the unseen entry stays at the minimiser of the nuclear norm
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return 0.0


# %% q4 (1 of 3): the law without the half in the risk
least_norm = 2 * m


def unseen_entry(t, m, depth):
    time = 2 * m ** (2 - 2 / depth) * t
    return m * ((2 * depth + 2) * time) ** (depth / (2 * depth + 2))


# %% q4 (1 of 3): the law of the page, whose time is not rescaled
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return m * ((2 * depth + 2) * t) ** (depth / (2 * depth + 2))


# %% q4 (1 of 3): the same law at every depth
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return m * (6 * m * t) ** (1 / 3)


# %% q4 (2 of 3): the Frobenius norm taken for the nuclear norm
least_norm = np.sqrt(2) * m


def unseen_entry(t, m, depth):
    time = m ** (2 - 2 / depth) * t
    return m * ((2 * depth + 2) * time) ** (depth / (2 * depth + 2))


# %% q4 (1 of 3): the depth forgotten in the time
least_norm = 2 * m


def unseen_entry(t, m, depth):
    return m * ((2 * depth + 2) * m * t) ** (depth / (2 * depth + 2))


# %% q5 (2 of 4): the limit has the least nuclear norm after all
least_norm_4 = 4 * R
limit_norm = 4 * R
exponent = 2 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 0.1

# %% q5 (2 of 4): a start that is not small enough
least_norm_4 = 4 * R
limit_norm = 2 * (a + R**2 / a)
exponent = 2 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 1e-3

# %% q5 (3 of 4): the ratio of the rates for the exponent
least_norm_4 = 4 * R
limit_norm = 2 * (a + R**2 / a)
root = np.sqrt(a**2 + 4 * R**2)
exponent = (root - a) / (root + a)
scale = 1e-10

# %% q5 (3 of 4): the exponent in the scale of a factor, not of the product
least_norm_4 = 4 * R
limit_norm = 2 * (a + R**2 / a)
exponent = 4 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 1e-10

# %% q5 (3 of 4): the observed entries alone, with zeros elsewhere, taken for the least norm
least_norm_4 = float(np.abs(np.linalg.eigvalsh(small_table.M)).sum())
limit_norm = 2 * (a + R**2 / a)
exponent = 2 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 1e-10

# %% q5 (1 of 4): the formulas of the book, which are for a = 1
least_norm_4 = 4 * R
limit_norm = 2 * R**2 + 2
exponent = 2 / (1 + np.sqrt(1 + 4 * R**2))
scale = 1e-10

# %% q5 (3 of 4): the least norm of a scaled table, with a power too many
least_norm_4 = 4 * R / a
limit_norm = 2 * (a + R**2 / a)
exponent = 2 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 1e-10

# %% q5 (2 of 4): a scale below what the flow can start from
least_norm_4 = 4 * R
limit_norm = 2 * (a + R**2 / a)
exponent = 2 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 1e-40

# %% q6: the control of the page, a large start
controls = [kept | {"depth": 1}, kept | {"scale": 1.0}]
decoy = kept | {"depth": 3}

# %% q6: three factors taken for a broken hypothesis
controls = [kept | {"depth": 3}, kept | {"factor": 1e-8}]
decoy = kept | {"scale": 1e-10}

# %% q6: large observations taken for a broken hypothesis
controls = [kept | {"depth": 1}, kept | {"factor": 1e4}]
decoy = kept | {"depth": 3}

# %% q6: rescaled observations taken for a broken hypothesis
controls = [kept | {"depth": 1}, kept | {"factor": 10.0}]
decoy = kept | {"depth": 3}

# %% q6: two hypotheses at once
controls = [kept | {"depth": 1, "factor": 1e-8}, kept | {"factor": 1e-8}]
decoy = kept | {"depth": 3}

# %% q6: the same hypothesis twice
controls = [kept | {"factor": 1e-8}, kept | {"factor": 1e-9}]
decoy = kept | {"depth": 3}

# %% q6: the norm of a single factor is expected to be the nuclear one
controls = [kept | {"depth": 1}, kept | {"factor": 1e-8}]
decoy = kept | {"depth": 1}

# %% q6: a large start and small observations, which are one hypothesis
controls = [kept | {"scale": 1.0}, kept | {"factor": 1e-8}]
decoy = kept | {"depth": 3}

# %% q6: a depth that no product has
controls = [kept | {"depth": 1.5}, kept | {"factor": 1e-8}]
decoy = kept | {"depth": 3}

# %% q6: a change too small to be a decoy
controls = [kept | {"depth": 1}, kept | {"factor": 1e-8}]
decoy = kept | {"scale": 1.1e-8}


# %% q3: zeros are taken for unseen
def certificate(W, Y, mask, M):
    Y, W = np.where(M != 0, Y, 0), np.where(M != 0, M, W)
    return (Y * M).sum() / np.linalg.norm(Y, 2), np.linalg.norm(W, "nuc")


# %% q6: negative observations
controls = [kept | {"depth": 1}, kept | {"factor": -1.0}]
decoy = kept | {"depth": 3}

# %% q5 (2 of 4): the norm of the limit measured from 1e-4
least_norm_4 = 4 * R
limit_norm = models.nuclear_norm(limit(1e-4))
exponent = 2 * a / (a + np.sqrt(a**2 + 4 * R**2))
scale = 1e-10

# %% q5 (3 of 4): the exponent read off two runs
least_norm_4 = 4 * R
limit_norm = 2 * (a + R**2 / a)
scale = 1e-10
second = [np.linalg.svd(limit(e), compute_uv=False)[2] for e in (1e-6, 1e-8)]
exponent = np.log(second[0] / second[1]) / np.log(100)


# %% q2: eight terms of the exponential series
def balanced_step(U, V, R, step_size):
    n = len(U)
    K = -step_size * np.block([[np.zeros((n, n)), R], [R.T, np.zeros((n, n))]])
    Z = term = np.vstack([U, V])
    for k in range(1, 9):
        term = K @ term / k
        Z = Z + term
    return Z[:n], Z[n:]


# %% q6: sixty factors, which break no hypothesis but the wait
controls = [kept | {"factor": 1e-8}, kept | {"depth": 60}]
decoy = kept | {"scale": 1e-12}
